"""What a real client was seen to do with a reply, and whether its model agrees.

A fact has `text`, `tools` (pairs of name and arguments), `error` (or null) and `requests`.
"""

from conformance.clients import CLIENTS
from conformance.clients.turn import DecodedToolCall

BY_NAME = {client.name: client for clients in CLIENTS.values() for client in clients}
HANGS = ("TimeoutError", "TimeoutExpired")
TEXTS = ("text", "text+", "partial_text")
OTHER_TEXT = "another text"


def simulated(client, x):
    """The simulation of a client on a reply, which it also gets where it falls back to a non-streaming request."""
    unary = x.for_case(type(x.case)(x.case.api, x.case.profile, "unary", x.case.kind, x.case.subject))
    return BY_NAME[client].simulate(x, unary)


def outcome(fact, simulation):
    """The outcome, as an impact names it.

    Whether a text is complete, only the bytes tell: it is as predicted where the client showed the predicted text.
    """
    text, error = fact["text"], fact["error"] or ""
    if error.startswith(HANGS):
        return "hang"
    if error:
        return "partial_text+exception" if text else "exception"
    if fact["tools"]:
        calls = (DecodedToolCall(name=name, arguments=arguments) for name, arguments in fact["tools"])
        return "tool_ok" if all(call.callable for call in calls) else "tool_bad"
    if not text:
        return "empty_silent"
    same = _joined(text) == _joined(simulation.turn.text)
    return simulation.outcome if same and simulation.outcome in TEXTS else OTHER_TEXT


def compared(fact, simulation):
    """((outcome, requests) as observed, the same as predicted). Of a client that hangs only the outcome is compared."""
    seen, predicted = outcome(fact, simulation), simulation.outcome
    if "hang" in (seen, predicted):
        return (seen, 0), (predicted, 0)
    return (seen, fact["requests"]), (predicted, len(simulation.exchanges))


def _joined(text):
    """A text with its surrogate pairs joined, as a JSON encoder would join them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
