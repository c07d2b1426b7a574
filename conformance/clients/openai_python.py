"""openai-python itself: three major versions read with the loop of their documentation, and the `stream()` helper."""

from functools import partial
from typing import Final

from conformance.clients.client import Client
from conformance.clients.openai_sdk import completed, streamed
from conformance.clients.openai_stream_helper import read_stream
from conformance.clients.sdk import needs_clock, sdk_requests, simulator
from conformance.clients.turn import DecodedResponse
from conformance.model.exchange import Exchange

LONGEST_WAIT_S: Final = 120.0
"""openai-python 3 does not retry at all if Retry-After is longer."""

simulator_3 = partial(simulator, sdk_requests=partial(sdk_requests, patience_s=LONGEST_WAIT_S), uncertain=needs_clock)
"""`simulator` for clients on openai-python 3."""


def read_3(x: Exchange) -> DecodedResponse:
    """Read a response as openai-python 3 does."""
    return streamed(x, whole_body=False) if x.mode == "stream" else completed(x, whole_body=False)


def read_2(x: Exchange) -> DecodedResponse:
    """Read a response as openai-python 2 does: its status errors quote the complete body."""
    return streamed(x) if x.mode == "stream" else completed(x)


def read_1(x: Exchange) -> DecodedResponse:
    """Read a response as openai-python 1 does: after `[DONE]` it reads the rest of the body."""
    return streamed(x, drains=True) if x.mode == "stream" else completed(x)


def read_with_helper(x: Exchange) -> DecodedResponse:
    """Read a response as `client.chat.completions.stream()` does."""
    return read_stream(x) if x.mode == "stream" else read_3(x)


OPENAI_3 = Client(
    profile="openai-python",
    name="openai-python 3.54",
    version="3.54.0",
    api="chat",
    simulate=simulator_3(read_3),
)
OPENAI_3_HELPER = Client(
    profile="openai-python",
    name="openai-python 3.54 (stream helper)",
    version="3.54.0",
    api="chat",
    simulate=simulator_3(read_with_helper),
)
OPENAI_2 = Client(
    profile="openai-python", name="openai-python 2.24", version="2.24.0", api="chat", simulate=simulator(read_2)
)
OPENAI_1 = Client(
    profile="openai-python", name="openai-python 1.109", version="1.109.1", api="chat", simulate=simulator(read_1)
)
