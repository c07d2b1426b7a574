"""FLD: fields that a target drops without a word.

The file is long because a family is one file, and a rule with its examples is some twenty lines.
"""

from collections.abc import Iterator
from typing import Any

from conformance.exchange import Exchange
from conformance.read.capability import RIDER, announced, witnessed
from conformance.read.http1 import reply
from conformance.read.json_text import NOT_JSON
from conformance.read.refusal import Refusal, body, names, own_fields, quoted, refusal
from conformance.read.request import asked
from conformance.read.sse import is_labelled, looks_like_events
from conformance.rule import When, rule
from conformance.rules.example import HELLO, answered, completion, error, streamed
from conformance.rules.when import OK, asks, both, decided, greeted, in_a_mode_that_is_offered, succeeded
from conformance.target import Policy
from conformance.verdict import ANOTHER_QUESTION, MUST, SHOULD, Finding, Skip, not_applicable, untestable

CREATE = "https://platform.openai.com/docs/api-reference/chat/create"
DROPPED = "https://platform.openai.com/docs/guides/error-codes/api-errors"

Facts = dict[str, Any]

READ_STRICTLY = ("frequency_penalty", "messages", "presence_penalty", "stream", "temperature", "top_p")
"""Fields that change any answer, that no witness shows, and that the servers which read them refuse in a wrong type."""

WRONG = {"unexpected": True}
MISTYPED: Facts = {
    "probe": "chat.wrong-type.temperature",
    "body": {"model": "m", "temperature": WRONG, "max_tokens": 1},
}
USER: Facts = {"probe": "chat.wrong-type.user", "body": {"model": "m", "user": WRONG, "max_tokens": 1}}
CANARY: Facts = {"probe": "chat.unknown-field.x_canary", "body": {"model": "m", "x_canary": 1}}
NESTED: Facts = {"probe": "chat.unknown-field.messages.x_canary", "body": {"model": "m", "messages": [{"x_canary": 1}]}}
NAMED = error("'temperature' must be a number.", param="temperature", code="invalid_type")
UNNAMED = error("Bad request.")
UNKNOWN = error("Unknown field: x_canary.", param="x_canary", code="unknown_parameter")
WARNED = (("content-type", "application/json"), ("x-ignored-params", "x_canary"))
GREETING = answered(completion())


def is_stream(x: Exchange) -> bool:
    """Whether the body is an event stream, or nothing that contradicts such a label."""
    return looks_like_events(x) or (is_labelled(reply(x)) and body(x) is NOT_JSON)


def asked_for_stream(x: Exchange) -> Skip | None:
    """A stream was asked for, and a success came."""
    if skip := succeeded(x):
        return skip
    if refusal(x).in_band and not looks_like_events(x):
        return not_applicable("an error came under a success status")
    if not reply(x).content and not reply(x).complete:
        return untestable("the reply broke off before its body")
    return None


def _came(x: Exchange) -> str:
    label = reply(x).value("content-type")
    what = "one JSON text" if body(x) is not NOT_JSON else "nothing" if not reply(x).content else "no event"
    return f"{what} labelled {quoted(label) if label else 'nothing'}"


@rule(
    "FLD001", MUST, "`stream: true` is honoured or refused",
    spec=f"{CREATE}#chat-create-stream",
    fix="Declare `stream` in the request model and answer with text/event-stream, or refuse it with 501; and forbid undeclared fields.",
    when=both(asks("hello"), asked_for_stream), modes=("stream",),
    good=[streamed(*HELLO), streamed(*HELLO, headers=[("content-type", "text/plain")])],
    bad=[answered(completion(), mode="stream"), answered(completion(), mode="stream", headers=[("content-type", "text/event-stream")]), answered("<html>", mode="stream")],
)  # fmt: skip
def dropped_stream(x: Exchange) -> Iterator[Finding]:
    """A framework that streams finds no event in a JSON answer: it shows nothing, or asks again and pays each time."""
    if not is_stream(x):
        seen = f"`stream: true` was dropped without a word: the target answered {reply(x).status} with {_came(x)}"
        yield Finding(
            seen, at=reply(x).span("content-type"), expected="text/event-stream, or a refusal that names `stream`"
        )


@rule(
    "FLD002", MUST, "`stream: true` is honoured beside every other field",
    spec=f"{CREATE}#chat-create-stream",
    fix="Stream whatever else is asked, or refuse the combination by name.",
    when=asked_for_stream, modes=("stream",),
    good=[(streamed(*HELLO, probe="chat.tools"), streamed(*HELLO))],
    bad=[(answered(completion(), mode="stream", probe="chat.tools", body={"tools": []}), streamed(*HELLO))],
)  # fmt: skip
def stream_dropped_beside_a_field(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """A server that streams greetings but not, say, tool calls loses the answers that an agent needs most."""
    if x.question.topic == "hello" or not is_stream(hello):
        yield not_applicable("the greeting itself shows whether `stream` is honoured")
    elif not is_stream(x):
        others = sorted(asked(x).keys() - asked(hello).keys())
        beside = ", ".join(f"`{name}`" for name in others[:5])
        seen = f"the greeting was streamed, but beside {beside or 'another question'} `stream: true` brought {_came(x)}"
        yield Finding(seen, at=reply(x).span("content-type"))


def _mistyped(x: Exchange) -> Skip | None:
    return both(asks("wrong-type"), in_a_mode_that_is_offered, decided)(x)


def _effective(x: Exchange) -> Skip | None:
    return _mistyped(x) or (None if x.question.about in READ_STRICTLY else ANOTHER_QUESTION)


def _other(x: Exchange) -> Skip | None:
    return _mistyped(x) or (ANOTHER_QUESTION if x.question.about in READ_STRICTLY else None)


def names_any(said: Refusal, path: str) -> bool:
    """Whether a refusal names the field or the object that holds it."""
    return any(names(said, part) for part in path.split("."))


def _ignored(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """A value of a wrong type went through as if it were not there."""
    name, said = x.question.about, refusal(x)
    if not said:
        if not announced(x, name):
            seen = f"`{name}` was of a wrong type and the target answered {reply(x).status} as if it were not there"
            yield Finding(seen, at=reply(x).head, expected=f"a refusal that names `{name}`")
    elif said.status >= 500 and said.status != 501:
        yield not_applicable(f"the target failed with {said.status}")
    elif not names_any(said, name) and names(said, RIDER):
        yield untestable(f"the target refused `{RIDER}`, which rode along")
    elif not names_any(said, name) and (skip := greeted(hello)):
        yield skip


@rule(
    "FLD003", MUST, "A field that changes the answer is refused where its type is wrong",
    spec=CREATE, fix="Declare the field in the request model with its type, and refuse what does not fit with 400.",
    when=_effective, apis=("chat",),
    good=[(answered(NAMED, status=400, **MISTYPED), GREETING), (answered(UNNAMED, status=422, **MISTYPED), GREETING)],
    bad=[(answered(completion(), **MISTYPED), GREETING), (streamed(*HELLO, **MISTYPED), streamed(*HELLO))],
)  # fmt: skip
def dropped_field(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """An answer to `temperature: {}` shows that nobody reads the field: what clients set there is dropped in silence."""
    yield from _ignored(x, hello)


@rule(
    "FLD004", SHOULD, "Every documented field is refused where its type is wrong",
    spec=CREATE, fix="Declare the field in the request model with its type, even where it has little effect.",
    when=_other, apis=("chat",),
    good=[(answered(error("user: not a string", param="user"), status=400, **USER), GREETING)],
    bad=[(answered(completion(), **USER), GREETING)],
)  # fmt: skip
def ignored_type(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Nobody reads the field, or its reader lets everything pass: what a client sets there may be lost without a trace."""
    yield from _ignored(x, hello)


@rule(
    "FLD005", SHOULD, "The refusal of a wrong type names the field",
    spec=DROPPED, fix="Put the field's path into `error.param` and its name into the message.",
    when=_mistyped, apis=("chat",),
    good=[(answered(NAMED, status=400, **MISTYPED), GREETING), (answered(completion(), **MISTYPED), GREETING)],
    bad=[(answered(UNNAMED, status=400, **MISTYPED), GREETING)],
)  # fmt: skip
def refusal_without_the_field(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Who sent thirty fields has to guess which one was wrong."""
    yield from _unnamed(x, hello)


def _unnamed(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    name, said = x.question.about, refusal(x)
    if not said or names_any(said, name):
        return
    if said.status >= 500:
        yield not_applicable(f"the target failed with {said.status}")
    elif not said.is_json:
        yield not_applicable("the refusal is no JSON")
    elif names(said, RIDER):
        yield untestable(f"the target refused `{RIDER}`, which rode along")
    elif skip := greeted(hello):
        yield skip
    else:
        yield Finding(f"`{name}` was refused with {said.status} and {quoted(said.message or said.text)}", at=said.at)


def _unknown(x: Exchange) -> Skip | None:
    return both(asks("unknown-field"), in_a_mode_that_is_offered, decided)(x)


def _at_the_top(x: Exchange) -> Skip | None:
    return _unknown(x) or (ANOTHER_QUESTION if "." in x.question.about else None)


def _inside(x: Exchange) -> Skip | None:
    return _unknown(x) or (None if "." in x.question.about else ANOTHER_QUESTION)


def _swallowed(x: Exchange, policy: Policy) -> Iterator[Finding | Skip]:
    name = x.question.about
    if policy.unknown_fields is not None:
        yield not_applicable(f"the target's owner says what becomes of unknown fields: {policy.unknown_fields}")
    elif (said := refusal(x)) and not names(said, name):
        yield untestable(f"the target answered {said.status} without saying whether `{name}` is the reason")
    elif not said and not announced(x, name):
        yield Finding(f"the unknown field `{name}` was dropped without a word", at=reply(x).head)


@rule(
    "FLD006", SHOULD, "An unknown field is refused or announced as ignored",
    spec=DROPPED, fix="Forbid undeclared fields, or list the ignored ones in a response header such as x-ignored-params.",
    when=_at_the_top, apis=("chat",),
    good=[answered(UNKNOWN, status=400, **CANARY), answered(completion(), headers=WARNED, **CANARY), answered(completion(warnings=[{"field": "x_canary"}]), **CANARY)],
    bad=[answered(completion(), **CANARY), streamed(*HELLO, **CANARY)],
)  # fmt: skip
def dropped_unknown_field(x: Exchange, policy: Policy) -> Iterator[Finding | Skip]:
    """A misspelt cap costs money, and a vendor's switch that does nothing misleads: only the server can tell."""
    yield from _swallowed(x, policy)


@rule(
    "FLD007", SHOULD, "An unknown field inside an object is refused or announced as ignored",
    spec=DROPPED, fix="Forbid undeclared fields in nested objects as well; most request models do so only at the top.",
    when=_inside, apis=("chat",),
    good=[answered(UNKNOWN, status=400, **NESTED)],
    bad=[answered(completion(), **NESTED)],
)  # fmt: skip
def dropped_nested_field(x: Exchange, policy: Policy) -> Iterator[Finding | Skip]:
    """A switch inside a message or a tool is dropped where only the top of the request is checked."""
    yield from _swallowed(x, policy)


@rule(
    "FLD008", MUST, "Unknown fields are treated as the target's owner promises",
    spec=DROPPED, fix="Make the request model do what the policy says, at every level, streaming or not.",
    when=_unknown, apis=("chat",),
    good=[answered(UNKNOWN, status=400, **CANARY), answered(completion(), headers=WARNED, **CANARY)],
    bad=[answered(completion(), **CANARY), answered(completion(), **NESTED)],
)  # fmt: skip
def broken_promise_on_unknown_fields(x: Exchange, policy: Policy) -> Iterator[Finding | Skip]:
    """Clients are written against the promise: what it says is refused must not pass, what it says is told must be."""
    name, said, promise = x.question.about, refusal(x), policy.unknown_fields
    if promise not in ("reject", "announce"):
        yield not_applicable("the target's owner promises nothing that could be broken")
    elif said and not names(said, name):
        yield untestable(f"the target answered {said.status} without saying whether `{name}` is the reason")
    elif promise == "reject" and not said:
        yield Finding(f"the owner promises to refuse unknown fields, and `{name}` was answered", at=reply(x).head)
    elif promise == "announce" and said:
        yield Finding(f"the owner promises to answer and announce, and `{name}` was refused", at=said.at)
    elif promise == "announce" and not announced(x, name):
        yield Finding(f"the owner promises to announce, and `{name}` was dropped without a word", at=reply(x).head)


@rule(
    "FLD009", SHOULD, "The refusal of an unknown field names it",
    spec=DROPPED, fix="Put the field's path into `error.param` and its name into the message.",
    when=_unknown, apis=("chat",),
    good=[(answered(UNKNOWN, status=400, **CANARY), GREETING)],
    bad=[(answered(UNNAMED, status=400, **CANARY), GREETING)],
)  # fmt: skip
def refusal_without_the_unknown_field(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Frameworks add fields of their own: without the name nobody knows which one to leave out."""
    yield from _unnamed(x, hello)


def _witness(topic: str, *abouts: str) -> When:
    """The question is this witness, and it was answered with a success."""

    def is_witness(x: Exchange) -> Skip | None:
        if x.question.topic != topic or (abouts and x.question.about not in abouts):
            return ANOTHER_QUESTION
        return succeeded(x) or (untestable("an error came under a success status") if refusal(x) else None)

    return is_witness


def _shown(x: Exchange) -> Iterator[Finding | Skip]:
    found = witnessed(x)
    if found is None or found[1].state == "unknown":
        yield untestable(found[1].why if found else "the question is no witness")
    elif found[1].state == "dropped":
        yield Finding(found[1].why, at=reply(x).locate(0, len(reply(x).content)))


CAP: Facts = {"probe": "chat.witness.max_tokens", "body": {"max_tokens": 1}}
CAPPED = completion({"content": "One"}, "length", usage={"completion_tokens": 1})
LONG = completion({"content": "one two three four five"}, usage={"completion_tokens": 9})


@rule(
    "FLD010", MUST, "A cap on tokens is honoured or refused",
    spec=f"{CREATE}#chat-create-max_completion_tokens",
    fix="Read both `max_tokens` and `max_completion_tokens`, and end with finish_reason `length` at the cap.",
    when=_witness("witness", "max_tokens", "max_completion_tokens"), apis=("chat",),
    good=[answered(CAPPED, **CAP)],
    bad=[answered(LONG, **CAP), answered(completion({"content": "word " * 40}, usage=None), **CAP)],
)  # fmt: skip
def dropped_cap(x: Exchange) -> Iterator[Finding | Skip]:
    """Without its cap an answer runs as long as it likes, at the client's cost."""
    yield from _shown(x)


TWO: Facts = {"body": {"n": 2}, "probe": "chat.n"}
CHOICES = completion()["choices"]


@rule(
    "FLD011", MUST, "`n` is honoured or refused",
    spec=f"{CREATE}#chat-create-n", fix="Make as many choices as `n` asks for, or refuse more than one with 400.",
    when=_witness("n"), apis=("chat",),
    good=[answered(completion(choices=[CHOICES[0], CHOICES[0] | {"index": 1}]), **TWO)],
    bad=[answered(completion(), **TWO), streamed(*HELLO, **TWO)],
)  # fmt: skip
def dropped_n(x: Exchange) -> Iterator[Finding | Skip]:
    """Who votes over several answers gets one and fails on the second, or takes it for agreement."""
    yield from _shown(x)


TOOLS: Facts = {"probe": "chat.tools", "body": {"tool_choice": "required"}}
CALL = {"content": None, "tool_calls": [{"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}


@rule(
    "FLD012", MUST, "`tool_choice: required` is honoured or refused",
    spec=f"{CREATE}#chat-create-tool_choice", fix="Constrain the model to a tool call, or refuse `required` with 400.",
    when=_witness("tools"), apis=("chat",),
    good=[answered(completion(CALL, "tool_calls"), **TOOLS)],
    bad=[answered(completion(), **TOOLS), streamed(*HELLO, **TOOLS)],
)  # fmt: skip
def dropped_tool_choice(x: Exchange) -> Iterator[Finding | Skip]:
    """An agent that works by tool calls has nothing to do with prose: it stops, or asks again."""
    yield from _shown(x)


SCHEMA = {"json_schema": {"schema": {"properties": {"a": {"enum": ["b"]}}}}}
FORMAT: Facts = {"probe": "chat.witness.response_format", "body": {"response_format": SCHEMA}}


@rule(
    "FLD013", MUST, "`response_format: json_schema` is honoured or refused",
    spec=f"{CREATE}#chat-create-response_format",
    fix="Constrain the answer to the schema, or refuse the format with 400.",
    when=_witness("witness", "response_format"), apis=("chat",),
    good=[answered(completion({"content": '{"a": "b"}'}), **FORMAT)],
    bad=[answered(completion(), **FORMAT), answered(completion({"content": '{"a": "c"}'}), **FORMAT)],
)  # fmt: skip
def dropped_response_format(x: Exchange) -> Iterator[Finding | Skip]:
    """Programs parse that answer: prose in its place is a crash."""
    yield from _shown(x)


STOP: Facts = {"probe": "chat.witness.stop", "body": {"stop": [",", "t"]}}


@rule(
    "FLD016", MUST, "`stop` is honoured or refused",
    spec=f"{CREATE}#chat-create-stop", fix="End the answer before the first stop text, with finish_reason `stop`.",
    when=_witness("witness", "stop"), apis=("chat",),
    good=[answered(completion({"content": "One"}), **STOP)],
    bad=[answered(completion({"content": "One, two"}), **STOP), streamed(*HELLO, **STOP | {"body": {"stop": ["th"]}})],
)  # fmt: skip
def dropped_stop(x: Exchange) -> Iterator[Finding | Skip]:
    """Agents that stop before an observation go on to invent it."""
    yield from _shown(x)


LOGPROBS: Facts = {"probe": "chat.witness.logprobs", "body": {"logprobs": True, "top_logprobs": 2}}
TOKEN = {"token": "Hello", "logprob": -0.1, "top_logprobs": [{"token": "Hello", "logprob": -0.1}]}


@rule(
    "FLD014", MUST, "`logprobs` is honoured or refused",
    spec=f"{CREATE}#chat-create-logprobs", fix="Return `logprobs.content` for every token, or refuse the field with 400.",
    when=_witness("witness", "logprobs"), apis=("chat",),
    good=[answered(completion(choices=[CHOICES[0] | {"logprobs": {"content": [TOKEN]}}]), **LOGPROBS)],
    bad=[answered(completion(), **LOGPROBS)],
)  # fmt: skip
def dropped_logprobs(x: Exchange) -> Iterator[Finding | Skip]:
    """Evaluations that read probabilities fail, or score nothing without noticing."""
    yield from _shown(x)


OPTIONS: Facts = {"mode": "stream", "body": {"stream": True, "stream_options": {"include_usage": True}}}


@rule(
    "FLD015", MUST, "The fields that a framework always sends are accepted",
    spec=CREATE, fix="Accept the field, null included; where it can have no effect, accept and announce it.",
    when=both(asks("hello"), in_a_mode_that_is_offered, decided),
    good=[GREETING, streamed(*HELLO)],
    bad=[answered(error("Unknown parameter: 'stream_options'.", param="stream_options"), status=400, **OPTIONS), answered({"detail": [{"loc": ["body", "stream_options"], "msg": "Extra inputs are not permitted"}]}, status=422, **OPTIONS)],
)  # fmt: skip
def refused_framework_field(x: Exchange) -> Iterator[Finding | Skip]:
    """The framework has no switch to leave the field out: with this target it can't say a word."""
    said = refusal(x)
    if found := own_fields(x):
        fields = ", ".join(f"`{name}`" for name in found)
        yield Finding(
            f"{x.question.profile} always sends {fields}, and the target refuses it with {said.status}: {quoted(said.message or said.text)}",
            at=said.at,
        )
    elif reply(x).status not in OK:
        yield not_applicable("the target refused the greeting for another reason")
