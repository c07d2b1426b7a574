"""Clients of Embeddings: the vectors that each reads from a response, and whether they are those that it holds.

No client looks at `index`, at the number of the vectors or at their length: what the response lacks, its user lacks.
"""

import base64
import binascii
import json
import math
import struct
from collections.abc import Callable
from functools import partial
from typing import Any, Final

from conformance.apis.embeddings import FLOAT_BYTES, Values, by_index, inputs, vectors
from conformance.apis.request import request_body
from conformance.clients.client import Client, Simulation
from conformance.clients.openai_python import LONGEST_WAIT_S
from conformance.clients.openai_sdk import attribute
from conformance.clients.sdk import certain, head_error, json_reply, needs_clock, no_retry, sdk_requests
from conformance.clients.turn import ClientError, DecodedResponse, outcome_of
from conformance.model.exchange import Exchange
from conformance.model.impact import Outcome

Read = Callable[[Exchange], list[Any]]
"""Reads the vectors of a response, of whatever type they are. Raises ClientError."""

WRONG: Final = "vectors that are not those of its inputs, or fewer of them, and no error"
NOTHING: Final = "no vector, and no error"


def created(x: Exchange, *, whole_body: bool = False) -> list[Any]:
    """The vectors of openai-python's `embeddings.create`, in the order of the list.

    Unless a format is given, it asks for Base64, and decodes what is a string.
    """
    if failed := head_error(x, whole_body=whole_body):
        raise failed
    data = attribute(json_reply(x), "data")
    is_given = request_body(x).get("encoding_format", "base64") != "base64"
    if not data and not is_given:
        raise ClientError("invalid", "No embedding data received")
    if not isinstance(data, list):
        raise ClientError("type", f"'{type(data).__name__}' object is not iterable")
    found = [attribute(entry, "embedding") for entry in data]
    return found if is_given else [_decoded(one) if isinstance(one, str) else one for one in found]


def _decoded(text: str) -> list[float]:
    """The floats of a text in Base64, as Python decodes it: characters that are not of it are skipped."""
    try:
        raw = base64.b64decode(text)
    except (binascii.Error, ValueError) as error:
        raise ClientError("type", str(error)) from None
    if len(raw) % FLOAT_BYTES:
        raise ClientError("type", "buffer size must be a multiple of element size")
    return [*struct.unpack(f"<{len(raw) // FLOAT_BYTES}f", raw)]


def expected_vectors(x: Exchange) -> list[Values | None]:
    """The vectors that the response holds for each input: by index, or else by position."""
    found, listed = by_index(x), [vector.values for vector in vectors(x)]
    wanted = inputs(x) or len(listed)
    return [found.get(at, listed[at] if at < len(listed) else None) for at in range(wanted)]


def outcome_of_vectors(x: Exchange, held: list[Any]) -> Outcome:
    """What a user gets who takes the vectors in their order."""
    if not any(held):
        return "empty_silent"
    wanted = expected_vectors(x)
    if len(held) < len(wanted) or not all(_is(one, values) for one, values in zip(held, wanted, strict=False)):
        return "partial_text"
    return "text+" if len(held) > len(wanted) else "text"


def _is(held: Any, values: Values | None) -> bool:
    """Whether a client holds a vector, at least as 32-bit floats."""
    is_numbers = isinstance(held, list) and all(type(one) in (int, float) for one in held)
    return is_numbers and bool(values) and [*map(as_float32, held)] == [*map(as_float32, values or ())]


def as_float32(value: float) -> float:
    """A number as a 32-bit float holds it: infinite, if it is beyond all of them."""
    try:
        kept: float = struct.unpack("<f", struct.pack("<f", float(value)))[0]
    except OverflowError:
        return math.copysign(math.inf, 1 if value > 0 else -1)
    return kept


def _written(held: list[Any]) -> str:
    """Vectors as JSON, of whatever depth and size."""
    try:
        return json.dumps(held)
    except (RecursionError, ValueError):
        return "[...]"


def simulator_of_vectors(
    read: Read,
    *,
    requests: Callable[[Exchange], int] = sdk_requests,
    attempts: Callable[[DecodedResponse], int] = no_retry,
    uncertain: Callable[[Exchange], bool] = certain,
) -> Callable[[Exchange, Any], Simulation]:
    """How a client behaves that embeds texts; the parameters are those of `sdk.simulator`."""

    def simulate(x: Exchange, _fallback: Exchange | None) -> Simulation:
        try:
            held = read(x)
        except ClientError as raised:
            turn = DecodedResponse(error=raised)
            outcome, effect = outcome_of(turn), ""
        else:
            turn = DecodedResponse(text=_written(held), seen=True, ended=True)
            outcome = outcome_of_vectors(x, held)
            effect = {"empty_silent": NOTHING, "partial_text": WRONG}.get(outcome, "")
        return Simulation(
            outcome=outcome,
            exchanges=(x,) * (requests(x) * attempts(turn)),
            turn=turn,
            user_effect=effect,
            uncertain=uncertain(x),
        )

    return simulate


REQUESTS_3: Final = partial(sdk_requests, patience_s=LONGEST_WAIT_S)

OPENAI_3_EMBEDDINGS = Client(
    profile="openai-python",
    name="openai-python 3.54 (Embeddings)",
    version="3.54.0",
    api="embeddings",
    simulate=simulator_of_vectors(created, requests=REQUESTS_3, uncertain=needs_clock),
)
