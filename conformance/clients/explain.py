"""The impact: what a client's user would see of an exchange, told in one sentence, and what it would cost."""

from typing import Final

from conformance.clients.client import Client, Play
from conformance.clients.cost import bill
from conformance.clients.transport import answered_2xx
from conformance.clients.turn import ClientError, Turn
from conformance.model.exchange import Exchange
from conformance.model.impact import Impact, Outcome
from conformance.model.target import Prices

TIMES: Final = {1: "once", 2: "twice", 3: "three times", 4: "four times", 5: "five times", 8: "eight times"}

SEES: Final[dict[Outcome, str]] = {
    "text": "the answer",
    "text+": "more than the answer",
    "partial_text": "a part of the answer as if it were all",
    "empty_silent": "nothing, and no error",
    "exception": "an error",
    "partial_text+exception": "a part of the answer, and an error",
    "hang": "nothing more until the client's timeout",
    "tool_ok": "the tool called",
    "tool_bad": "no tool called as it was meant",
}

TAKES: Final[dict[str, str]] = {
    "connection": "gets no reply",
    "hang": "waits for a reply that does not end",
    "cut": "loses the connection before the reply's end",
    "reset": "loses the connection before the reply's end",
    "coding": "can't undo the reply's compression",
    "api": "finds an error in the stream",
    "json": "finds text that is not JSON",
    "unicode": "finds octets that are not UTF-8",
    "type": "stumbles over a value of the wrong type",
    "shape": "stumbles over a value that is missing",
    "invalid": "refuses the reply",
}


def impact(client: Client, x: Exchange, fallback: Exchange | None, prices: Prices) -> Impact:
    """What one client would make of a reply. `fallback` is the same profile's unary exchange of the same probe."""
    play = client.play(x, fallback)
    paid = [asked for asked in play.asked if asked is not None and answered_2xx(asked)]
    whole, wasted = bill(paid, prices), bill(paid[1:], prices)
    return Impact(
        profile=client.profile,
        client=client.name,
        probe=x.question.probe,
        mode=x.question.mode,
        outcome=play.outcome,
        requests=len(play.asked),
        billed=len(paid),
        wasted_usd=wasted.usd,
        cost_usd=whole.usd,
        estimated=whole.estimated,
        detail=_told(client, x, play),
        error=_printable(play.error or (play.turn.error.message if play.turn.error else "")),
    )


def _told(client: Client, x: Exchange, play: Play) -> str:
    """One sentence: what the client takes the reply for, what it does then, and what its user sees."""
    retries = len(play.asked) - 1
    again = f" and asks again {TIMES.get(retries, f'{retries} times')}" if retries and None not in play.asked else ""
    if any(asked is not x for asked in play.asked):
        again = ""  # `why` tells of another question
    sees = play.sees or SEES[play.outcome]
    return f"{client.name} {play.why or _takes(play.turn, x)}{again}; its user sees {sees}."


def _takes(turn: Turn, x: Exchange) -> str:
    if x.mode == "stream" and not turn.seen and (turn.error is None or turn.error.kind in ("shape", "invalid")):
        return "finds no event in the stream, takes the answer for empty"
    if turn.error:
        return _meets(turn.error)
    if turn.tools:
        return "reads a tool call"
    if not turn.text:
        return "finds no text in the answer, takes it for empty"
    return "reads the answer" if turn.ended else "does not notice that the answer has no end"


def _meets(error: ClientError) -> str:
    return f"is answered with HTTP {error.status}" if error.kind == "status" else TAKES[error.kind]


def _printable(text: str) -> str:
    return text[:500].encode("utf-8", "backslashreplace").decode()


def is_hurt(seen: Impact) -> bool:
    """Whether the user gets less than the answer, more than it, or the same for more requests."""
    return not (seen.delivered and seen.requests == 1)
