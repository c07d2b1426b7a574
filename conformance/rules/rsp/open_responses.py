"""What the acceptance tests of Open Responses require of a response, beyond what OpenAI's API promises.

Judged on requests like those of the tests. The report says which of the tests would pass (report/open_responses.py).
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from conformance.apis.chat import span_of
from conformance.apis.errors import error_response, quoted
from conformance.apis.responses import output, response_states, terminal_event
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import MAY, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import Object, as_object, display
from conformance.parsing.sse import span
from conformance.parsing.typed_events import parts
from conformance.rules.conditions import all_of, mode_supported, not_rejected_for_other_reasons, readable
from conformance.rules.rsp.conditions import finished
from conformance.rules.rsp.example import PART, SPOKEN, events, response, state, text
from conformance.rules.rsp.shape import response_rule, stream_rule
from conformance.rules.rsp.spec import OPEN_TESTS
from conformance.rules.typed_events import unbroken
from conformance.schemas import validator

MOST_SHOWN = 8
"""Faults of one response that a finding names."""
MOST_CHECKED = 100
"""Entries of a list, and events of a type, that are validated: a hostile response has a million."""
FORM: dict[str, Any] = {"probe": "responses.form.typed"}


class Faults(NamedTuple):
    """Where a value differs from a schema: the members that are missing, and clauses about others."""

    missing: tuple[str, ...]
    wrong: tuple[str, ...]

    def __str__(self) -> str:
        """The first of both as one clause."""
        named = [f"`{name}`" for name in self.missing]
        lacking = [f"it lacks {_listed(named)}"] if named else []
        return "; ".join([*lacking, *([_listed(self.wrong)] if self.wrong else [])])


def _listed(words: Sequence[str]) -> str:
    more = f" and {len(words) - MOST_SHOWN} more" if len(words) > MOST_SHOWN else ""
    return ", ".join(words[:MOST_SHOWN]) + more


def schema_faults(value: Any, schema: str) -> Faults | None:
    """Where a value differs from a schema, without duplicates; None if it does not."""
    errors = validator(schema).iter_errors(_shortened(value))
    found = sorted(errors, key=lambda error: [str(step) for step in error.absolute_path])
    missing = dict.fromkeys(name for error in found for name in _missing(error))
    wrong = dict.fromkeys(_clause(error) for error in found if error.validator != "required")
    return Faults(tuple(missing), tuple(wrong)) if found else None


def _shortened(value: Any, levels: int = 6) -> Any:
    """The value with its lists cut, down to some levels: none of the schemas has more."""
    if levels and isinstance(value, list):
        return [_shortened(item, levels - 1) for item in value[:MOST_CHECKED]]
    if levels and isinstance(value, dict):
        return {name: _shortened(item, levels - 1) for name, item in value.items()}
    return value


def _place(error: Any) -> str:
    steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in error.absolute_path)
    return "".join(steps).removeprefix(".")


def _missing(error: Any) -> Iterator[str]:
    if error.validator == "required":
        yield from (f"{_place(error)}.{n}".removeprefix(".") for n in error.validator_value if n not in error.instance)


def _clause(error: Any) -> str:
    place = f"`{_place(error)[:80]}`" if error.absolute_path else "it"
    return f"{place} is {'empty' if error.validator == 'minItems' else display(error.instance)}"


def _like_the_tests(x: Exchange) -> NotJudged | None:
    """The request has the form of one of the acceptance tests."""
    is_form = x.case.kind is Kind.ACCEPTED_FORM or x.turn is not None
    return None if is_form or (x.case.kind, x.case.subject) == (Kind.TOOLS, "auto") else OUT_OF_SCOPE


LESS = {"completed_at", "previous_response_id", "service_tier", "top_logprobs", "max_tool_calls", "safety_identifier"}
FULL: Object = {
    "completed_at": 1_760_000_001,
    "previous_response_id": None,
    "instructions": None,
    "tools": [],
    "tool_choice": "auto",
    "truncation": "disabled",
    "parallel_tool_calls": True,
    "text": {"format": {"type": "text"}},
    "top_p": 1,
    "presence_penalty": 0,
    "frequency_penalty": 0,
    "top_logprobs": 0,
    "temperature": 1,
    "reasoning": None,
    "max_output_tokens": None,
    "max_tool_calls": None,
    "store": False,
    "background": False,
    "service_tier": "default",
    "safety_identifier": None,
    "prompt_cache_key": None,
}
"""The members of a response that the tests require besides those of the examples."""


@response_rule(
    "RSP031",
    MAY,
    "A response has all members that the Open Responses tests require",
    spec=OPEN_TESTS,
    fix="Send every member of the response object with the value that was used, and null only where the schema allows it.",
    applies_to=all_of(_like_the_tests, finished),
    good=[response(**FULL, **FORM), response(**FULL, vendor=1, **FORM)],
    bad=[
        response(**FORM),
        response(**{name: value for name, value in FULL.items() if name not in LESS}, **FORM),
        response(**FULL | {"top_p": None}, **FORM),
        response(**FULL, output=[SPOKEN | {"content": [PART | {"annotations": None}]}], **FORM),
        response(**FULL, output=[{"type": "web_search_call", "id": "ws_1", "status": "completed"}], **FORM),
    ],
)
def members_required_by_the_tests_missing(x: Exchange) -> Iterator[Finding]:
    """A vendor that promises Open Responses is measured by these tests, and typed clients are generated from their schema."""
    if faults := schema_faults(response_states(x)[-1], "open-responses-response"):
        seen = f"the response differs from the schema of Open Responses: {faults}"
        yield Finding(seen, at=span_of(x, terminal_event(x)))


def _stream(*between: Object) -> Exchange:
    created, end = state("created", **FULL | {"completed_at": None}), state("completed", **FULL)
    return events(created, *between, end, **FORM)


@stream_rule(
    "RSP032",
    MAY,
    "Every event of a stream has a type and members that the Open Responses tests know",
    spec=OPEN_TESTS,
    fix="Send the events of the specification with all of their members, and a complete response in each that has one.",
    applies_to=all_of(_like_the_tests, unbroken),
    good=[_stream(*text("Hi")), _stream()],
    bad=[
        events(state("created"), *text("Hi"), state("completed"), **FORM),
        _stream(*(value | {"content_index": None} for value in text("Hi"))),
        _stream({"type": "response.reasoning_text.delta", "delta": "Hm."}, *text("Hi")),
        _stream({"type": "acme:trace", "step": 1}, *text("Hi")),
    ],
)
def event_unknown_to_the_tests(x: Exchange) -> Iterator[Finding]:
    """The specification allows event types with a vendor's prefix, which clients ignore; its tests fail on any other type.

    OpenAI's own `response.reasoning_text.delta` is none that they know.
    """
    left: dict[str, int] = {}
    for part in parts(x):
        if x.turn is not None and part.type == "error":
            continue  # over WebSocket, an error has another form: see RSP049
        left[part.type] = left.get(part.type, MOST_CHECKED) - 1
        if left[part.type] >= 0 and (faults := schema_faults(part.value, "open-responses-event")):
            left[part.type] = 0
            clause = f"an event {display(part.type)} differs from the schema of Open Responses: {faults}"
            yield Finding(clause, at=span(x, part.event))


def _accepted(x: Exchange) -> NotJudged | None:
    """The request was accepted, and its response can be read."""
    if skip := all_of(_like_the_tests, mode_supported, not_rejected_for_other_reasons, readable)(x):
        return skip
    if error := error_response(x):
        how = f"HTTP {reply(x).status}" if x.turn is None else "an error event"
        return not_applicable(f"the target rejects the request with {how}: {quoted(error.message or error.text)}")
    return finished(x)


@response_rule(
    "RSP033",
    SHOULD,
    "A small request gets a completed response with an output item",
    spec=OPEN_TESTS,
    fix="Put what was generated into output items, and end the response with status completed.",
    applies_to=_accepted,
    good=[response(**FORM), events(state("created"), *text("Hi"), state("completed"), **FORM)],
    bad=[response(output=[], **FORM), response(status="cancelled", **FORM), response(status="queued", **FORM)],
)
def small_request_without_output(x: Exchange) -> Iterator[Finding | NotJudged]:
    """The user waits and pays, and there is no response to show."""
    last, at = response_states(x)[-1], span_of(x, terminal_event(x))
    if last.get("status") == "incomplete":
        reason = display(as_object(last.get("incomplete_details")).get("reason"))
        yield untestable(f"the response is incomplete ({reason}); the acceptance tests set no token cap")
    elif last.get("status") != "completed":
        yield Finding(f"the response has status {display(last.get('status'))}", at=at, expected="status completed")
    elif not output(last):
        yield Finding("the response is completed, but its output has no item", at=at)
