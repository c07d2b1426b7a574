"""The impact of an exchange on one client: what its user would see, and what it would cost."""

from typing import Final

from conformance.clients.client import Client, Simulation
from conformance.clients.cost import bill
from conformance.clients.transport import answered_2xx
from conformance.clients.turn import ClientError, DecodedResponse
from conformance.model.exchange import Exchange
from conformance.model.impact import Impact, Outcome
from conformance.model.target import Prices

TIMES: Final = {1: "once", 2: "twice", 3: "three times", 4: "four times", 5: "five times", 8: "eight times"}

OUTCOME_PHRASES: Final[dict[Outcome, str]] = {
    "text": "the complete response",
    "text+": "the complete response and more",
    "partial_text": "part of the response as if it were complete",
    "empty_silent": "nothing, and no error",
    "exception": "an error",
    "partial_text+exception": "part of the response, then an error",
    "hang": "nothing more until the client's timeout",
    "tool_ok": "the tool being called",
    "tool_bad": "no correct tool call",
}

ERROR_PHRASES: Final[dict[str, str]] = {
    "connection": "gets no response",
    "hang": "waits for a response that does not end",
    "cut": "loses the connection before the response is complete",
    "reset": "loses the connection before the response is complete",
    "coding": "can't decode the response's Content-Encoding",
    "api": "finds an error in the stream",
    "json": "finds data that is not JSON",
    "unicode": "finds bytes that are not UTF-8",
    "type": "fails on a value of the wrong type",
    "shape": "fails on a missing value",
    "invalid": "rejects the response",
}


def impact(client: Client, x: Exchange, fallback: Exchange | None, prices: Prices) -> Impact:
    """The impact of a response on one client. `fallback` is the same profile's unary exchange of the same probe."""
    simulation = client.simulate(x, fallback)
    paid = [sent for sent in simulation.exchanges if sent is not None and answered_2xx(sent)]
    total, wasted = bill(paid, prices), bill(paid[1:], prices)
    return Impact(
        profile=client.profile,
        client=client.name,
        probe=x.case.probe,
        mode=x.case.mode,
        outcome=simulation.outcome,
        requests=len(simulation.exchanges),
        billed=len(paid),
        wasted_usd=wasted.usd,
        cost_usd=total.usd,
        estimated=total.estimated,
        uncertain=simulation.uncertain,
        detail=_sentence(client, x, simulation),
        error=_printable(simulation.error or (simulation.turn.error.message if simulation.turn.error else "")),
    )


def _sentence(client: Client, x: Exchange, simulation: Simulation) -> str:
    """Two sentences: how the client handles the response, retries included, and what its user sees, or may see."""
    retries = len(simulation.exchanges) - 1
    again = ""
    if retries and all(sent is x for sent in simulation.exchanges):  # else `cause` describes the other requests
        again = f", then retries {TIMES.get(retries, f'{retries} times')}"
    user_effect = simulation.user_effect or OUTCOME_PHRASES[simulation.outcome]
    sees = "Its user may see" if simulation.uncertain else "Its user sees"
    return f"{client.name} {simulation.cause or _decoding_phrase(simulation.turn, x)}{again}. {sees} {user_effect}."


def _decoding_phrase(turn: DecodedResponse, x: Exchange) -> str:
    if x.mode == "stream" and not turn.seen and (turn.error is None or turn.error.kind in ("shape", "invalid")):
        return "finds no event in the stream and treats the response as empty"
    if turn.error:
        return _error_phrase(turn.error)
    if turn.tools:
        return "reads a tool call"
    if not turn.text:
        return "finds no text in the response and treats it as empty"
    return "reads the response" if turn.ended else "does not notice that the response is truncated"


def _error_phrase(error: ClientError) -> str:
    return f"gets HTTP {error.status}" if error.kind == "status" else ERROR_PHRASES[error.kind]


def _printable(text: str) -> str:
    return text[:500].encode("utf-8", "backslashreplace").decode()


def is_affected(seen: Impact) -> bool:
    """Whether the user gets less than the complete response, more than it, or the same for more than one request."""
    return not (seen.delivered and seen.requests == 1)
