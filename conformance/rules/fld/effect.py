"""Fields whose effect shows in the completion."""

from collections.abc import Iterator

from conformance.apis.errors import error_response
from conformance.apis.specs import CONVERSATIONS, GENERATIONS
from conformance.field_support.capability import effect_shown
from conformance.field_support.effects import effects, unreadable_reason
from conformance.field_support.readers import is_at_cap
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition, rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, untestable
from conformance.model.words import GENERATIVE, WITH_CHOICES
from conformance.parsing.http1 import reply
from conformance.rules.conditions import readable, succeeded
from conformance.rules.example import HELLO, answered, chunk, completion, streamed
from conformance.rules.fld.example import Facts
from conformance.rules.fld.spec import CREATE, OBJECT

CAPPING = tuple(name for api in GENERATIONS for name in api.caps)


def _shows(kind: Kind, *subjects: str, variants: tuple[str, ...] = ("",)) -> Condition:
    """The probe tests the effect of one of these fields, and got a readable success."""

    def shows_effect(x: Exchange) -> NotJudged | None:
        if x.case.kind is not kind or (subjects and x.case.subject not in subjects) or x.case.variant not in variants:
            return OUT_OF_SCOPE
        if skip := succeeded(x) or readable(x):
            return skip
        if error_response(x):
            return untestable("the response body is an error with a success status (see ERR013)")
        return untestable(fault) if (fault := unreadable_reason(x)) else None

    return shows_effect


def _shown(x: Exchange) -> Iterator[Finding | NotJudged]:
    found = effect_shown(x)
    if found is None or found[1].state == "unknown":
        yield untestable(found[1].why if found else "the probe tests no field's effect")
    elif found[1].state == "dropped":
        yield Finding(found[1].why, at=reply(x).locate(0, len(reply(x).content)))


CAP: Facts = {"probe": "chat.witness.max_tokens", "body": {"max_tokens": 1}}
CAPPED = completion({"content": "One"}, "length", usage={"completion_tokens": 1})
LONG = completion({"content": "one two three four five"}, usage={"completion_tokens": 9})


@rule(
    "FLD010",
    MUST,
    "A token cap is honoured or rejected",
    spec=f"{CREATE}#chat-create-max_completion_tokens",
    fix="Read both `max_tokens` and `max_completion_tokens`, and end with finish_reason `length` at the token cap.",
    applies_to=_shows(Kind.EFFECT, *CAPPING),
    needs=("headers",),
    apis=GENERATIVE,
    good=[answered(CAPPED, **CAP)],
    bad=[answered(LONG, **CAP), answered(completion({"content": "word " * 40}, usage=None), **CAP)],
)
def dropped_cap(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Without its token cap a response has no length limit, and the client pays for all of it."""
    yield from _shown(x)


def _at_cap(x: Exchange) -> NotJudged | None:
    if skip := _shows(Kind.EFFECT, *CAPPING)(x):
        return skip
    finishes = effects(x).finishes.values()
    if not {"length", "stop"} & set(finishes):
        return untestable("the response ended neither at its token cap nor on its own")
    return None if "length" in finishes or is_at_cap(x) else untestable("no usage shows that the token cap was reached")


@rule(
    "FLD017",
    SHOULD,
    "A response truncated by its token cap has finish_reason length",
    spec=OBJECT,
    fix="Set finish_reason to `length` if the token cap was reached.",
    applies_to=_at_cap,
    apis=GENERATIVE,
    good=[answered(CAPPED, **CAP)],
    bad=[
        answered(CAPPED | {"choices": completion({"content": "One"})["choices"]}, **CAP),
        streamed(chunk({"content": "One"}), chunk(finish="stop", usage={"completion_tokens": 1}), **CAP),
    ],
)
def truncated_response_called_complete(x: Exchange) -> Iterator[Finding]:
    """Only from the finish_reason can clients know that the content is truncated: with `stop` they treat half of it as all."""
    if "stop" in effects(x).finishes.values():
        seen = "the response reached its token cap, but its finish_reason reports a natural end"
        yield Finding(
            seen,
            at=reply(x).locate(0, len(reply(x).content)),
            expected="length, or the API's own value for a reached token cap",
        )


TWO_CHOICES: Facts = {"body": {"n": 2}, "probe": "chat.n"}
CHOICES = completion()["choices"]


@rule(
    "FLD011",
    MUST,
    "n is honoured or rejected",
    spec=f"{CREATE}#chat-create-n",
    fix="Return `n` choices, or reject `n` above 1 with 400.",
    applies_to=_shows(Kind.CHOICES),
    needs=("headers",),
    apis=WITH_CHOICES,
    good=[answered(completion(choices=[CHOICES[0], CHOICES[0] | {"index": 1}]), **TWO_CHOICES)],
    bad=[answered(completion(), **TWO_CHOICES), streamed(*HELLO, **TWO_CHOICES)],
)
def dropped_n(x: Exchange) -> Iterator[Finding | NotJudged]:
    """A client that votes over several choices gets one: it fails on the second, or treats one as agreement."""
    yield from _shown(x)


TOOLS: Facts = {"probe": "chat.tools", "body": {"tool_choice": "required"}}
CALL = {"content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}


@rule(
    "FLD012",
    MUST,
    "tool_choice: required is honoured or rejected",
    spec=f"{CREATE}#chat-create-tool_choice",
    fix="Constrain the model to a tool call, or reject `required` with 400.",
    applies_to=_shows(Kind.TOOLS, ""),
    needs=("headers",),
    apis=GENERATIVE,
    good=[answered(completion(CALL, "tool_calls"), **TOOLS)],
    bad=[answered(completion(), **TOOLS), streamed(*HELLO, **TOOLS)],
)
def dropped_tool_choice(x: Exchange) -> Iterator[Finding | NotJudged]:
    """An agent that needs a tool call can't use text: it stops, or sends and pays for another request."""
    yield from _shown(x)


SCHEMA = {"json_schema": {"schema": {"properties": {"a": {"enum": ["b"]}}}}}
FORMAT: Facts = {"probe": "chat.witness.response_format", "body": {"response_format": SCHEMA}}


@rule(
    "FLD013",
    MUST,
    "response_format: json_schema is honoured or rejected",
    spec=f"{CREATE}#chat-create-response_format",
    fix="Constrain the content to the schema, or reject the format with 400.",
    applies_to=_shows(Kind.EFFECT, *(api.format for api in CONVERSATIONS)),
    needs=("headers",),
    apis=GENERATIVE,
    good=[answered(completion({"content": '{"a": "b"}'}), **FORMAT)],
    bad=[answered(completion(), **FORMAT), answered(completion({"content": '{"a": "c"}'}), **FORMAT)],
)
def dropped_response_format(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Programs parse the content as JSON of this schema: anything else crashes them."""
    yield from _shown(x)


STOP: Facts = {"probe": "chat.witness.stop", "body": {"stop": [",", "t"]}}


@rule(
    "FLD016",
    MUST,
    "stop is honoured or rejected",
    spec=f"{CREATE}#chat-create-stop",
    fix="End the content before the first stop sequence with finish_reason `stop`, or reject any value but null with 400.",
    applies_to=_shows(Kind.EFFECT, *(api.stop for api in GENERATIONS if api.stop), variants=("", "text")),
    needs=("headers",),
    apis=GENERATIVE,
    good=[answered(completion({"content": "One"}), **STOP)],
    bad=[answered(completion({"content": "One, two"}), **STOP), streamed(*HELLO, **STOP | {"body": {"stop": ["th"]}})],
)
def dropped_stop(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Agents stop the model before a tool's observation; without the stop it invents one."""
    yield from _shown(x)


LOGPROBS: Facts = {"probe": "chat.witness.logprobs", "body": {"logprobs": True, "top_logprobs": 2}}
TOKEN = {"token": "Hello", "logprob": -0.1, "top_logprobs": [{"token": "Hello", "logprob": -0.1}]}


@rule(
    "FLD014",
    MUST,
    "logprobs is honoured or rejected",
    spec=f"{CREATE}#chat-create-logprobs",
    fix="Return an entry in `logprobs.content` for every token, or reject `logprobs: true` with 400.",
    applies_to=_shows(Kind.EFFECT, "logprobs"),
    needs=("headers",),
    apis=WITH_CHOICES,
    good=[answered(completion(choices=[CHOICES[0] | {"logprobs": {"content": [TOKEN]}}]), **LOGPROBS)],
    bad=[answered(completion(), **LOGPROBS)],
)
def dropped_logprobs(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Evaluations that read logprobs fail, or silently score nothing."""
    yield from _shown(x)
