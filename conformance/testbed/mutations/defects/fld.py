"""Defects: fields that are dropped without a word, or refused without a name."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.model.target import Policy
from conformance.testbed.mutations.mutate_chat import each_choice, each_part, in_turn, more, planted
from conformance.testbed.mutations.mutate_requests import (
    Body,
    Where,
    dropping,
    holds,
    reading,
    refusal,
    streaming,
    with_error,
)
from conformance.testbed.server.reply import Answer, Asked, Change

CAPS = ("max_tokens", "max_completion_tokens")


def is_vendor_s(name: str) -> bool:
    """The names that HTTP's old custom gave to experiments."""
    return name.startswith("x_")


def without_vendor_fields(body: Body) -> Body:
    """The body as if nothing of a vendor's stood at its top."""
    return {name: value for name, value in body.items() if not is_vendor_s(name)}


def pruned(value: Any) -> Any:
    """A JSON value as if nothing of a vendor's stood in it anywhere."""
    if isinstance(value, list):
        return [pruned(item) for item in value]
    if isinstance(value, dict):
        return {name: pruned(item) for name, item in value.items() if not is_vendor_s(name)}
    return value


def pruned_inside(body: Body) -> Body:
    """As `pruned`, but for the top."""
    return {name: pruned(value) for name, value in body.items()}


def both(*conditions: Where) -> Where:
    """All of these hold."""
    return lambda asked: all(condition(asked) for condition in conditions)


def dropped(name: str, title: str, caught_by: str, *fields: str, where: Where = bool, **facts: Any) -> Change:
    """A defect that reads the request without these fields."""
    return Change(name=name, title=title, caught_by=caught_by, asked=dropping(*fields, where=where), **facts)


def nameless(*params: str) -> Callable[[Body], Body]:
    """An error that does not tell that it is about these fields."""

    def edit(error: Body) -> Body:
        about = str(error.get("param") or "").rpartition(".")[2]
        return error | {"message": "Bad request.", "param": None} if about in params else error

    return edit


def refusing(field: str) -> Callable[[Answer, Asked], Answer]:
    """Refuse every request that has this field."""

    def change(answer: Answer, asked: Asked) -> Answer:
        if not holds(field)(asked) or answer.status >= 400:
            return answer
        return refusal(400, f"Unknown parameter: '{field}'.", param=field, code="unknown_parameter")

    return change


def wants_logprobs(asked: Asked) -> bool:
    """Log probabilities are asked for, as they should be."""
    return asked.json.get("logprobs") is True and isinstance(asked.json.get("top_logprobs", 0), int)


def asks_for(name: str, value: Any) -> Where:
    """The field has this value."""
    return lambda asked: asked.json.get(name) == value


def many(asked: Asked) -> bool:
    """More than one choice is asked for."""
    return bool(holds("n", int)(asked)) and asked.json["n"] > 1


def has_schema(asked: Asked) -> bool:
    """An answer that satisfies a JSON Schema is asked for."""
    return isinstance(asked.json["response_format"].get("json_schema"), dict)


def is_cut(choice: Body) -> bool:
    """A choice ran into its cap."""
    return bool(choice["finish_reason"] == "length")


def ignore_inside(body: Body) -> Body:
    """Read `stream_options` without looking at what it holds."""
    options = body["stream_options"]
    return body | {"stream_options": {name: v for name, v in options.items() if isinstance(v, bool)}}


STREAM = (
    dropped("stream-dropped", "`stream` is not read: one JSON object comes", "FLD001", "stream", "stream_options"),
    dropped(
        "stream-dropped-beside-n", "`stream` is not read beside `n`", "FLD002", "stream", "stream_options", where=many
    ),
)

TYPES = (
    dropped("temperature-dropped", "`temperature` is not read", "FLD003", "temperature"),
    dropped(
        "temperature-dropped-when-streaming",
        "`temperature` is not read when streaming",
        "FLD003",
        "temperature",
        where=streaming,
    ),
    dropped("logit-bias-dropped", "`logit_bias` is not read", "FLD004", "logit_bias"),
    Change(
        name="nested-type-ignored",
        title="`stream_options` is read, what it holds is not",
        caught_by="FLD004",
        asked=reading(ignore_inside, holds("stream_options", dict)),
    ),
    dropped("user-dropped", "`user`, which Letta always sends, is not read", "FLD018", "user"),
    dropped("metadata-dropped", "`metadata` is not read", "FLD004", "metadata"),
    Change(
        name="wrong-type-unnamed",
        title="A wrong type is refused without the field's name",
        caught_by="FLD005",
        answer=with_error(nameless("temperature", "top_p", "seed"), 400),
    ),
)

UNKNOWN = (
    Change(
        name="unknown-field-dropped",
        title="A vendor's field is dropped",
        caught_by="FLD006",
        asked=reading(without_vendor_fields),
    ),
    dropped("misspelt-cap-dropped", "A misspelt field is dropped", "FLD006", "max_token"),
    Change(
        name="unknown-field-dropped-when-streaming",
        title="A vendor's field is dropped when streaming",
        caught_by="FLD006",
        asked=reading(without_vendor_fields, streaming),
    ),
    Change(
        name="nested-field-dropped",
        title="A vendor's field inside an object is dropped",
        caught_by="FLD007",
        asked=reading(pruned_inside),
    ),
    Change(
        name="unknown-field-promise-broken",
        title="A vendor's field is dropped although the owner promises to refuse it",
        caught_by="FLD008",
        policy=Policy(unknown_fields="reject"),
        asked=reading(without_vendor_fields),
    ),
    Change(
        name="announcement-missing",
        title="A vendor's field is dropped although the owner promises to announce it",
        caught_by="FLD008",
        policy=Policy(unknown_fields="announce"),
        asked=reading(without_vendor_fields),
    ),
    Change(
        name="unknown-field-unnamed",
        title="An unknown field is refused without its name",
        caught_by="FLD009",
        answer=with_error(nameless("x_conformance_canary"), 400),
    ),
)


def raised(body: Body) -> Body:
    """The body with caps of 16 or more."""
    caps = {name: body[name] for name in CAPS if type(body.get(name)) is int and body[name] > 0}
    return body | {name: max(cap, 16) for name, cap in caps.items()}


EFFECTS = (
    dropped("max-tokens-dropped", "`max_tokens` is not read", "FLD010", "max_tokens"),
    dropped("stop-dropped", "`stop` is not read", "FLD016", "stop"),
    dropped("stop-dropped-when-streaming", "`stop` is not read when streaming", "FLD016", "stop", where=streaming),
    dropped("cap-ignored", "A cap is checked and then ignored", "FLD010", *CAPS, where=holds("max_tokens", int)),
    dropped("n-ignored", "`n` is checked and then ignored", "FLD011", "n", where=holds("n", int)),
    dropped(
        "tool-choice-ignored",
        "`tool_choice: required` is forgotten, and the tools with it",
        "FLD012",
        "tools",
        "tool_choice",
        where=asks_for("tool_choice", "required"),
    ),
    dropped(
        "schema-ignored",
        "`response_format` is checked and then ignored",
        "FLD013",
        "response_format",
        where=both(holds("response_format", dict), has_schema),
    ),
    dropped(
        "logprobs-ignored",
        "`logprobs` is checked and then ignored",
        "FLD014",
        "logprobs",
        "top_logprobs",
        where=wants_logprobs,
    ),
    Change(
        name="first-stop-alone",
        title="Of several stops only the first one is heeded",
        caught_by="FLD016",
        asked=reading(lambda body: body | {"stop": body["stop"][:1]}, holds("stop", list)),
    ),
    Change(name="small-caps-raised", title="A cap below 16 is raised to 16", caught_by="FLD010", asked=reading(raised)),
    dropped(
        "newer-cap-ignored-when-streaming",
        "`max_completion_tokens` is checked, and ignored when streaming",
        "FLD010",
        "max_completion_tokens",
        where=both(streaming, holds("max_completion_tokens", int)),
    ),
    Change(
        name="schema-taken-for-any-object",
        title="A JSON Schema is taken for the wish for any JSON object",
        caught_by="FLD013",
        asked=reading(more(response_format={"type": "json_object"}), both(holds("response_format", dict), has_schema)),
    ),
)

CUT = planted(
    "cut-answer-finishes-with-stop",
    "An answer that was cut off at its cap finishes as if it were whole",
    "FLD017",
    in_turn(each_part(more(finish_reason="stop"), is_cut), each_choice(more(finish_reason="stop"), is_cut)),
)

FRAMEWORKS = (
    Change(
        name="stream-options-refused",
        title="`stream_options` is refused, which frameworks always send",
        caught_by="FLD015",
        answer=refusing("stream_options"),
    ),
    Change(
        name="parallel-tool-calls-refused",
        title="`parallel_tool_calls` is refused, which Letta always sends",
        caught_by="FLD015",
        answer=refusing("parallel_tool_calls"),
    ),
    Change(
        name="null-cap-refused",
        title="`max_completion_tokens: null` is refused, which Letta always sends",
        caught_by="FLD015",
        answer=lambda answer, asked: (
            refusal(400, "'max_completion_tokens' must be an integer.", param="max_completion_tokens")
            if holds("max_completion_tokens", type(None))(asked)
            else answer
        ),
    ),
)

LOGPROBS_PARTLY = dropped(
    "alternatives-ignored",
    "`top_logprobs` is checked and then ignored",
    "FLD014",
    "top_logprobs",
    where=wants_logprobs,
)


def unlabelled_json(answer: Answer, asked: Asked) -> Answer:
    """The text alone, as one JSON string."""
    if answer.events is None or not streaming(asked):
        return answer
    return replace(answer, events=None, whole="Hello there.")


STREAM_AS_TEXT = Change(
    name="stream-as-json-text",
    title="`stream` is read, and a JSON string comes",
    caught_by="FLD001",
    answer=unlabelled_json,
)
