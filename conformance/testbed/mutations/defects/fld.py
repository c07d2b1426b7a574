"""Defects: fields that are silently ignored, or rejected without being named."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from conformance.model.target import Policy
from conformance.testbed.mutations.mutate_chat import (
    defect,
    each_choice,
    each_part,
    in_turn,
    on_stream,
    on_whole,
    with_fields,
    without_fields,
)
from conformance.testbed.mutations.mutate_requests import (
    Body,
    Where,
    dropping,
    holds,
    refusal,
    rewriting,
    sent,
    streaming,
    with_error,
)
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest

CAPS = ("max_tokens", "max_completion_tokens")


def is_vendor_s(name: str) -> bool:
    """Names with the `x_` prefix of experimental fields."""
    return name.startswith("x_")


def without_vendor_fields(body: Body) -> Body:
    """The body without top-level vendor fields."""
    return {name: value for name, value in body.items() if not is_vendor_s(name)}


def pruned(value: Any) -> Any:
    """A JSON value without vendor fields at any depth."""
    if isinstance(value, list):
        return [pruned(item) for item in value]
    if isinstance(value, dict):
        return {name: pruned(item) for name, item in value.items() if not is_vendor_s(name)}
    return value


def pruned_inside(body: Body) -> Body:
    """As `pruned`, except for the top level."""
    return {name: pruned(value) for name, value in body.items()}


def all_of(*conditions: Where) -> Where:
    """All conditions hold."""
    return lambda request: all(condition(request) for condition in conditions)


def dropped(name: str, title: str, caught_by: str, *fields: str, where: Where = bool, **facts: Any) -> Mutation:
    """A defect that ignores these fields of the request."""
    return Mutation(name=name, title=title, caught_by=caught_by, on_request=dropping(*fields, where=where), **facts)


def nameless(*params: str) -> Callable[[Body], Body]:
    """An error that does not name these fields."""

    def edit(error: Body) -> Body:
        about = str(error.get("param") or "").rpartition(".")[2]
        return error | {"message": "Bad request.", "param": None} if about in params else error

    return edit


def refusing(field: str) -> Callable[[ModelResponse, ServerRequest], ModelResponse]:
    """Reject every request that has this field."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        if not holds(field)(request) or response.status >= 400:
            return response
        return refusal(400, f"Unknown parameter: '{field}'.", param=field, code="unknown_parameter")

    return change


def wants_logprobs(request: ServerRequest) -> bool:
    """The request has valid logprobs and top_logprobs."""
    return request.json.get("logprobs") is True and isinstance(request.json.get("top_logprobs", 0), int)


def has_value(name: str, value: Any) -> Where:
    """The field has this value."""
    return lambda request: request.json.get(name) == value


def many(request: ServerRequest) -> bool:
    """The request sets n > 1."""
    return bool(holds("n", int)(request)) and request.json["n"] > 1


def capped(request: ServerRequest) -> bool:
    """The request has a valid token cap."""
    return any(type(request.json.get(name)) is int and request.json[name] > 0 for name in CAPS)


def has_schema(request: ServerRequest) -> bool:
    """The request has a JSON Schema in its response_format."""
    return isinstance(request.json["response_format"].get("json_schema"), dict)


def is_cut(choice: Body) -> bool:
    """The choice was truncated at its token cap."""
    return bool(choice["finish_reason"] == "length")


def ignore_inside(body: Body) -> Body:
    """Ignore wrong types inside `stream_options`."""
    options = body["stream_options"]
    return body | {"stream_options": {name: v for name, v in options.items() if isinstance(v, bool)}}


STREAM = (
    dropped(
        "stream-dropped",
        "`stream` is silently ignored: the response is one JSON object",
        "FLD001",
        "stream",
        "stream_options",
    ),
    dropped(
        "stream-dropped-beside-n",
        "`stream` is silently ignored when `n` is set",
        "FLD002",
        "stream",
        "stream_options",
        where=many,
    ),
)

TYPES = (
    Mutation(
        name="stream-by-truth",
        title="Any value of `stream` that is not false or empty starts a stream, even an object",
        caught_by="FLD003",
        on_request=rewriting(lambda body: body | {"stream": bool(body["stream"])}, holds("stream")),
    ),
    dropped("temperature-dropped", "`temperature` is silently ignored", "FLD003", "temperature"),
    dropped(
        "temperature-dropped-when-streaming",
        "`temperature` is silently ignored when streaming",
        "FLD003",
        "temperature",
        where=streaming,
    ),
    dropped("logit-bias-dropped", "`logit_bias` is silently ignored", "FLD004", "logit_bias"),
    Mutation(
        name="nested-type-ignored",
        title="Wrong types inside `stream_options` are silently ignored",
        caught_by="FLD004",
        on_request=rewriting(ignore_inside, holds("stream_options", dict)),
    ),
    dropped("user-dropped", "`user`, which Letta always sends, is silently ignored", "FLD018", "user"),
    dropped("metadata-dropped", "`metadata` is silently ignored", "FLD004", "metadata"),
    Mutation(
        name="wrong-type-unnamed",
        title="The error for a wrong type does not name the field",
        caught_by="FLD005",
        on_response=with_error(nameless("temperature", "top_p", "seed"), 400),
    ),
)

UNKNOWN = (
    Mutation(
        name="unknown-field-dropped",
        title="A vendor's field is silently ignored",
        caught_by="FLD006",
        on_request=rewriting(without_vendor_fields),
    ),
    dropped("misspelt-cap-dropped", "A misspelt field is silently ignored", "FLD006", "max_token"),
    Mutation(
        name="unknown-field-dropped-when-streaming",
        title="A vendor's field is silently ignored when streaming",
        caught_by="FLD006",
        on_request=rewriting(without_vendor_fields, streaming),
    ),
    Mutation(
        name="nested-field-dropped",
        title="A vendor's field inside an object is silently ignored",
        caught_by="FLD007",
        on_request=rewriting(pruned_inside),
    ),
    Mutation(
        name="unknown-field-promise-broken",
        title="A vendor's field is silently ignored although the policy is to reject it",
        caught_by="FLD008",
        policy=Policy(unknown_fields="reject"),
        on_request=rewriting(without_vendor_fields),
    ),
    Mutation(
        name="announcement-missing",
        title="A vendor's field is silently ignored although the policy is to announce it",
        caught_by="FLD008",
        policy=Policy(unknown_fields="announce"),
        on_request=rewriting(without_vendor_fields),
    ),
    Mutation(
        name="unknown-field-unnamed",
        title="The error for an unknown field does not name it",
        caught_by="FLD009",
        on_response=with_error(nameless("x_conformance_canary"), 400),
    ),
)


def raised(body: Body) -> Body:
    """The body with token caps of 16 or more."""
    caps = {name: body[name] for name in CAPS if type(body.get(name)) is int and body[name] > 0}
    return body | {name: max(cap, 16) for name, cap in caps.items()}


def twelve_for_one(body: Body) -> Body:
    """The body with token caps of 12 instead of 1."""
    return body | {name: 12 for name in CAPS if body.get(name) == 1}


def without_a_trace(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Where the cap was 1: finish_reason stop, and no usage."""
    if not any(sent(request).get(name) == 1 for name in CAPS):
        return response
    ended = with_fields(finish_reason="stop")
    silent = on_stream(lambda chunks: [without_fields("usage")(chunk) for chunk in chunks if chunk["choices"]])
    edit = in_turn(each_part(ended, is_cut), each_choice(ended, is_cut), on_whole(without_fields("usage")), silent)
    return edit(response, request)


EFFECTS = (
    dropped("max-tokens-dropped", "`max_tokens` is silently ignored", "FLD010", "max_tokens"),
    dropped("stop-dropped", "`stop` is silently ignored", "FLD016", "stop"),
    dropped(
        "stop-dropped-when-streaming", "`stop` is silently ignored when streaming", "FLD016", "stop", where=streaming
    ),
    dropped(
        "cap-ignored",
        "`max_tokens` and `max_completion_tokens` are validated, then ignored",
        "FLD010",
        *CAPS,
        where=holds("max_tokens", int),
    ),
    Mutation(
        name="cap-raised-to-16",
        title="Token caps below 16 are raised to 16",
        caught_by="FLD010",
        on_request=rewriting(
            lambda body: body | {name: max(cap, 16) for name in CAPS if type(cap := body.get(name)) is int}, capped
        ),
    ),
    dropped("n-ignored", "`n` is validated, then ignored", "FLD011", "n", where=holds("n", int)),
    dropped(
        "cap-and-n-ignored", "The token caps and `n` are validated, then ignored", "FLD011", *CAPS, "n", where=capped
    ),
    dropped(
        "tool-choice-ignored",
        "`tool_choice: required` and the tools are silently ignored",
        "FLD012",
        "tools",
        "tool_choice",
        where=has_value("tool_choice", "required"),
    ),
    dropped(
        "schema-ignored",
        "`response_format` is validated, then ignored",
        "FLD013",
        "response_format",
        where=all_of(holds("response_format", dict), has_schema),
    ),
    dropped(
        "logprobs-ignored",
        "`logprobs` is validated, then ignored",
        "FLD014",
        "logprobs",
        "top_logprobs",
        where=wants_logprobs,
    ),
    Mutation(
        name="first-stop-alone",
        title="Only the first of several stop sequences is honoured",
        caught_by="FLD016",
        on_request=rewriting(lambda body: body | {"stop": body["stop"][:1]}, holds("stop", list)),
    ),
    Mutation(
        name="cap-of-one-ignored-without-usage",
        title="A token cap of 1 is read as 12, with finish_reason stop and without usage",
        caught_by="FLD010",
        on_request=rewriting(twelve_for_one),
        on_response=without_a_trace,
    ),
    Mutation(
        name="small-caps-raised",
        title="Token caps below 16 are raised to 16",
        caught_by="FLD010",
        on_request=rewriting(raised),
    ),
    dropped(
        "newer-cap-ignored-when-streaming",
        "`max_completion_tokens` is validated, then ignored when streaming",
        "FLD010",
        "max_completion_tokens",
        where=all_of(streaming, holds("max_completion_tokens", int)),
    ),
    Mutation(
        name="schema-taken-for-any-object",
        title="`json_schema` is treated as `json_object`",
        caught_by="FLD013",
        on_request=rewriting(
            with_fields(response_format={"type": "json_object"}), all_of(holds("response_format", dict), has_schema)
        ),
    ),
)

CUT = defect(
    "cut-answer-finishes-with-stop",
    "A completion truncated at its token cap has finish_reason stop",
    "FLD017",
    in_turn(
        each_part(with_fields(finish_reason="stop"), is_cut), each_choice(with_fields(finish_reason="stop"), is_cut)
    ),
)

FRAMEWORKS = (
    Mutation(
        name="stream-options-refused",
        title="`stream_options`, which frameworks always send, is rejected",
        caught_by="FLD015",
        on_response=refusing("stream_options"),
    ),
    Mutation(
        name="caps-refused",
        title="Both token caps, which frameworks always send, are rejected as unknown",
        caught_by="FLD015",
        on_response=lambda response, request: refusing(CAPS[1])(refusing(CAPS[0])(response, request), request),
    ),
    Mutation(
        name="parallel-tool-calls-refused",
        title="`parallel_tool_calls`, which Letta always sends, is rejected",
        caught_by="FLD015",
        on_response=refusing("parallel_tool_calls"),
    ),
    Mutation(
        name="temperature-refused",
        title="`temperature`, which Letta always sends, is rejected by name",
        caught_by="FLD019",
        on_response=refusing("temperature"),
    ),
    Mutation(
        name="null-cap-refused",
        title="`max_completion_tokens: null`, which Letta always sends, is rejected",
        caught_by="FLD015",
        on_response=lambda response, request: (
            refusal(400, "'max_completion_tokens' must be an integer.", param="max_completion_tokens")
            if holds("max_completion_tokens", type(None))(request)
            else response
        ),
    ),
)

LOGPROBS_PARTLY = dropped(
    "alternatives-ignored",
    "`top_logprobs` is validated, then ignored",
    "FLD014",
    "top_logprobs",
    where=wants_logprobs,
)


def unlabelled_json(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The text alone, as one JSON string."""
    if response.events is None or not streaming(request):
        return response
    return replace(response, events=None, whole="Hello there.")


STREAM_AS_TEXT = Mutation(
    name="stream-as-json-text",
    title="With `stream: true` the response is a JSON string, not an event stream",
    caught_by="FLD001",
    on_response=unlabelled_json,
)
