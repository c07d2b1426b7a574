"""Warm-ups over a WebSocket: `generate` is false, so that the server reads the input, and generates nothing yet."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.errors import error_response, quoted
from conformance.apis.responses import building, output, response_states
from conformance.apis.usage import usage
from conformance.apis.websocket import CONTINUED, FIRST, SECOND, TURNS, WARM_UP, WARMED, WARMING, answer, turn
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.json_values import display, is_integer
from conformance.parsing.sse import span
from conformance.rules.rsp.continued import forgotten
from conformance.rules.rsp.example import USAGE, state, text
from conformance.rules.rsp.shape import whole_rule
from conformance.rules.rsp.spec import WEBSOCKET_MODE
from conformance.rules.rsp.websocket_example import OPEN, Said, answered, conversation, create, messages
from conformance.rules.rsp.websocket_state import CHAIN, failure, reached
from conformance.rules.rsp.websocket_turns import missing_end, span_of, unreadable

LEAST: Final = 1
"""Tokens that an engine generates which can't only read a prompt."""
PREPARE: Final = create(generate=False)


def _prepared(**counts: int) -> list[bytes]:
    """A warm-up as it should be, with these counts in its usage."""
    return messages(state("created"), state("completed", output=[], usage=USAGE | counts))


READ: Final = _prepared(input_tokens=40, output_tokens=0, total_tokens=40)
NEXT: Final = create(previous_response_id="resp_1")


def _warmed_up(*turns: Said, **facts: Any) -> Exchange:
    return conversation(*turns, subject=WARM_UP, **facts)


def _accepted(x: Exchange) -> NotJudged | None:
    """The target did not reject the warm-up."""
    if skip := reached(WARM_UP, WARMING)(x):
        return skip
    found, one = failure(x, 0), turn(x, WARMING)
    if one and any(unreadable(one)):
        return untestable("a message is no event (see RSP044)")
    if found is None or one is None:
        return None
    status, error = found.event.get("status"), error_response(one)
    if found.code == "server_error" or (is_integer(status) and status >= 500 and status != 501):
        return untestable("the target failed")
    return not_applicable(f"the target rejects a warm-up: {quoted(error.message or error.text)}")


@whole_rule(
    "RSP055",
    SHOULD,
    "A warm-up over WebSocket (generate: false) is completed without output",
    spec=WEBSOCKET_MODE,
    fix="Read `generate`: if it is false, send response.created and response.completed, with an id and an empty output; or reject it.",
    applies_to=_accepted,
    needs=("headers", "framing", "bytes"),
    good=[
        _warmed_up((PREPARE, READ)),
        _warmed_up((PREPARE, _prepared(output_tokens=1, total_tokens=4))),
        _warmed_up((PREPARE, messages(state("created"), state("completed", output=[], usage=None)))),
    ],
    bad=[
        _warmed_up((PREPARE, answered())),
        _warmed_up((PREPARE, messages(state("created"), *text("Hi")[:3])), ending=OPEN),
        _warmed_up((PREPARE, _prepared(output_tokens=40, total_tokens=43))),
        _warmed_up((PREPARE, READ[:1]), ending=OPEN),
        _warmed_up((PREPARE, [])),
    ],
)
def warm_up_that_generates(x: Exchange) -> Iterator[Finding | NotJudged]:
    """The client pays for a response that it did not request, and the next turn continues from it; or it waits in vain.

    Codex warms each connection up. Open Responses does not define the field, so that a server may reject it.
    """
    one, found = turn(x, WARMING), answer(x, 0)
    if one is None:
        return
    made = next((part for part in building(one) if part.type.startswith("response.output_item.")), None)
    spent, last = usage(one), response_states(one)[-1] if response_states(one) else {}
    if made:
        yield Finding(f"the warm-up has output: {display(made.type)}", at=span(one, made.event))
    elif output(last):
        yield Finding("the response to the warm-up has output", at=span_of(*found.messages))
    elif not found.is_ended:
        yield from missing_end(x, 0)
    elif spent and spent.completion > LEAST:
        seen = f"the warm-up has no output, and its usage counts {spent.completion} output tokens"
        yield Finding(seen, at=span_of(*found.messages))


def _continued(x: Exchange) -> NotJudged | None:
    """A turn continued the warm-up, and was completed."""
    if skip := _accepted(x) or reached(WARM_UP, WARMED)(x):
        return skip
    one = turn(x, WARMED)
    if one is None or not answer(x, 1).is_ended:
        return untestable("the turn that continues the warm-up has no end")
    if error_response(one):
        return not_applicable("the server keeps no warm-up on the connection, and rejects the turn")
    return None if usage(one) else untestable("the response has no usage that counts the prompt")


def _after(tokens: int) -> Exchange:
    """A warm-up, and a turn that continues it, whose usage counts these tokens of the prompt."""
    counts = USAGE | {"input_tokens": tokens, "total_tokens": tokens + 3}
    return _warmed_up((PREPARE, READ), (NEXT, answered("resp_2", usage=counts)))


@whole_rule(
    "RSP056",
    MUST,
    "A turn over WebSocket that continues a warm-up has its input in the prompt",
    spec=WEBSOCKET_MODE,
    fix="Keep the input of a warm-up under the id of its response, and put it before the new input.",
    applies_to=_continued,
    needs=("headers", "framing", "bytes"),
    compares_with={"unwarmed": Compare(Kind.WEBSOCKET, TURNS)},
    good=[(_after(50), conversation(*CHAIN)), (_after(40), conversation(*CHAIN))],
    bad=[(_after(12), conversation(*CHAIN))],
)
def warm_up_forgotten(x: Exchange, unwarmed: Exchange) -> Iterator[Finding | NotJudged]:
    """The model never gets the tools and instructions of the warm-up, and the client does not send them again.

    The warm-up has the input of a turn of another conversation: usage must count at least as many tokens as there.
    """
    shorter, equal, usual = (turn(unwarmed, role) for role in (FIRST, SECOND, CONTINUED))
    now = turn(x, WARMED)
    if shorter is None or equal is None or now is None:
        yield untestable("the conversation that it is compared with ended too early")
    elif usual and any(isinstance(found, Finding) for found in forgotten(usual, equal, shorter)):
        yield untestable("no turn has the one that it continues in its prompt (see RSP047)")
    else:
        yield from forgotten(now, equal, shorter)
