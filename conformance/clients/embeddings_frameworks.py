"""Frameworks that embed texts with openai-python: what each makes of the vectors, and how often it tries again."""

import math
from typing import Any, Final

from conformance.apis.embeddings import inputs
from conformance.clients.client import Client
from conformance.clients.embeddings import REQUESTS_3, created, simulator_of_vectors
from conformance.clients.openai_python import LONGEST_WAIT_S
from conformance.clients.sdk import needs_clock, retry_after_s, sdk_requests
from conformance.clients.transport import answered_2xx, body, no_reply
from conformance.clients.turn import ClientError, DecodedResponse
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply

HALVINGS: Final = 12
"""Calls of Letta for one text: it halves a batch of 2048 until it is one, whatever the error was."""
OUT_OF_RANGE: Final = "list assignment index out of range"


def created_by_letta(x: Exchange) -> list[Any]:
    """Letta puts the vectors into a list as long as that of its inputs."""
    found, wanted = created(x, whole_body=True), inputs(x) or 0
    if len(found) > wanted:
        raise ClientError("shape", OUT_OF_RANGE)
    return found + [None] * (wanted - len(found))


def halvings(turn: DecodedResponse) -> int:
    """How often Letta calls its SDK: after each error of the call again, but not after one of its own."""
    error = turn.error
    return HALVINGS if error and error.kind != "hang" and error.message != OUT_OF_RANGE else 1


SDK_ATTEMPTS: Final = 11
"""Requests of the SDK for one call, as LlamaIndex sets it up."""
LONGEST_S: Final = 60.0
"""LlamaIndex repeats a call until a minute is over."""
MOST_CALLS: Final = 10
RETRIES_S: Final = 48.0
"""How long the SDK's retries of one call take on average, without Retry-After."""
PAUSE_S: Final = 1.0
"""The shortest pause between two calls."""
LIMITED, SERVER_ERROR = 429, 500


def created_by_llama_index(x: Exchange) -> list[Any]:
    """LlamaIndex tells its observers of the vectors, as lists of numbers."""
    found = created(x)
    if not all(isinstance(vector, list) and all(map(_is_float, vector)) for vector in found):
        raise ClientError("invalid", "validation error for EmbeddingEndEvent: Input should be a valid list of numbers")
    return found


def _is_float(value: Any) -> bool:
    """Whether Pydantic takes a value for a number."""
    try:
        return isinstance(value, int | float | str) and float(value) is not None
    except (ValueError, OverflowError):
        return False


def repeated(x: Exchange) -> int:
    """Requests of LlamaIndex: of its SDK, times the calls that it repeats after some errors."""
    once = sdk_requests(x, patience_s=LONGEST_WAIT_S, attempts=SDK_ATTEMPTS)
    if not _is_repeated(x):
        return once
    retry_after = retry_after_s(x)
    a_call_s = (retry_after * (SDK_ATTEMPTS - 1) if retry_after > 0 else RETRIES_S) if once > 1 else 0.0
    pause_s = max(retry_after, PAUSE_S)
    return once * min(MOST_CALLS, math.ceil((LONGEST_S + pause_s) / (a_call_s + pause_s)))


def _is_repeated(x: Exchange) -> bool:
    lost = no_reply(x) or (body(x).error if answered_2xx(x) else None)
    if lost:
        return lost.kind != "hang"
    return reply(x).status == LIMITED or reply(x).status >= SERVER_ERROR


def is_by_the_clock(x: Exchange) -> bool:
    """Whether the number of calls depends on how long each takes."""
    is_other_pace = (
        reply(x).value("retry-after") or reply(x).value("retry-after-ms") or reply(x).value("x-should-retry")
    )
    return needs_clock(x) or (_is_repeated(x) and bool(is_other_pace))


LANGCHAIN_EMBEDDINGS = Client(
    profile="langgraph",
    name="LangChain 1.7 (OpenAIEmbeddings)",
    version="1.7.3 (openai 3.54.0)",
    api="embeddings",
    simulate=simulator_of_vectors(created, requests=REQUESTS_3, uncertain=needs_clock),
)
LETTA_EMBEDDINGS = Client(
    profile="letta",
    name="Letta 0.16 (embeddings)",
    version="0.16.8 (openai 2.54.0)",
    api="embeddings",
    simulate=simulator_of_vectors(created_by_letta, attempts=halvings),
)
LLAMA_INDEX = Client(
    profile="llama-index",
    name="LlamaIndex 0.14",
    version="0.14.25 (openai 3.54.0)",
    api="embeddings",
    simulate=simulator_of_vectors(created_by_llama_index, requests=repeated, uncertain=is_by_the_clock),
)
