"""Documented forms of a request: processed completely, or rejected by name."""

from collections.abc import Callable, Iterator
from typing import Any

from conformance.apis.chat import span_of
from conformance.apis.errors import error_response, names_field, quoted
from conformance.apis.usage import usage
from conformance.apis.vendor_refusals import refused_as_by_vendor, refused_cap
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import CONVERSATIONAL, GENERATIVE
from conformance.parsing.http1 import reply
from conformance.rules.conditions import all_of, baseline_ok, mode_supported, not_rejected_for_other_reasons, readable
from conformance.rules.example import answered, completion, error
from conformance.rules.par.spec import CHAT, CREATE
from conformance.rules.use.conditions import counted_well

EXPECTED = ("parts", "system-parts", "tool-parts", "developer", "typed", "system", "turns")
"""Forms that frameworks send without an option to send another: a rejection by name helps none of them."""
REFUSABLE = {
    "image": ("image_url", "input_image", "image", "images", "content", "messages", "vision", "multimodal"),
    "file": ("input_file", "file_data", "file", "files", "document", "PDF", "pdf", "content", "messages", "multimodal"),
    "phase": ("phase",),
    "cache-marks": ("cache_control",),
    "audio": ("input_audio", "audio", "content", "messages", "audio input", "multimodal"),
    "name": ("name", "messages"),
    "limits": ("temperature", "top_p", "frequency_penalty", "presence_penalty"),
    "both-caps": ("max_tokens", "max_completion_tokens"),
    "logprobs-beside-tools": ("logprobs", "tools", "tool_choice"),
    "prompts": ("prompt", "temperature"),
    "token-ids": ("prompt",),
    "token-id-lists": ("prompt",),
    "best-of": ("best_of",),
    "logprobs-zero": ("logprobs",),
}
"""Forms that a server may reject, and the words one of which its error must contain.

Not the word `type`: an error of any validator contains it (`type=string_type`).
"""
NO_CHANGE = ("defaults", "nulls")
"""Forms without effect."""
ADDED = {
    "parts": "the second of two content parts",
    "system-parts": "the system message in content parts",
    "image": "the image",
    "audio": "the audio",
    "developer": "the developer message",
    "file": "the file",
    "system": "the system message",
    "turns": "the earlier turns",
    "phase": "the earlier messages",
}
"""Forms that add something to the prompt of the baseline request, and what they add."""
MIN_TOKENS = dict.fromkeys(ADDED, 8) | {"turns": 16, "phase": 16} | dict.fromkeys(("image", "audio", "file"), 1)
"""Minimum tokens of the addition: a third of a text's words; an image, and a file that is seen as one, may count as one."""

Forms = dict[str, Any]


def form(name: str, **more: Any) -> Forms:
    """The example arguments of a request that has this form."""
    return {"probe": f"chat.form.{name}", **more}


BASELINE_RESPONSE = answered(completion(), body={"model": "m"})


def _form_sent(*forms: str) -> Callable[[Exchange], NotJudged | None]:
    def is_one(x: Exchange) -> NotJudged | None:
        if x.case.kind is not Kind.ACCEPTED_FORM or x.case.subject not in forms:
            return OUT_OF_SCOPE
        return all_of(mode_supported, not_rejected_for_other_reasons, readable)(x)

    return is_one


def _refused(x: Exchange, baseline: Exchange, expected: str = "") -> Iterator[Finding | NotJudged]:
    """An error that can be attributed to the form, because the baseline request succeeds."""
    error = error_response(x)
    if not error:
        return
    if error.status >= 500 and error.status != 501:
        yield not_applicable(f"the target returned HTTP {error.status} (see ERR004)")
    elif cap := refused_cap(x):
        yield untestable(f"the target rejected `{cap}`, which the request also sets")
    elif skip := baseline_ok(baseline):
        yield skip
    else:
        why = quoted(error.message or error.text)
        yield Finding(
            f"the form `{x.case.subject}` was rejected with HTTP {reply(x).status}: {why}",
            at=error.at,
            expected=expected,
        )


@rule(
    "PAR009",
    SHOULD,
    "Null and default values of documented fields are accepted",
    spec=CREATE,
    fix="Accept null and the default value of every documented field, even if the field is not supported.",
    applies_to=_form_sent(*NO_CHANGE),
    apis=CHAT,
    good=[(answered(completion(), **form("defaults")), BASELINE_RESPONSE)],
    bad=[
        (
            answered(error("Must be json_schema.", param="response_format"), status=400, **form("defaults")),
            BASELINE_RESPONSE,
        ),
        (
            answered(error("stop: not a list", param="stop"), status=422, body={"stop": None}, **form("nulls")),
            BASELINE_RESPONSE,
        ),
    ],
)
def default_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients that always send defaults, or null for unset fields, have no option to omit them: all their requests fail."""
    if refused_as_by_vendor(x) and not refused_cap(x):
        yield not_applicable("the target refuses a parameter by name that models of the API's own vendor refuse, too")
    else:
        yield from _refused(x, baseline)


@rule(
    "PAR010",
    SHOULD,
    "A documented form of a request succeeds, or is rejected with an error that names it",
    spec=CREATE,
    fix="Support the form, or return 400 and name the unsupported part in the message and in `error.param`.",
    applies_to=_form_sent(*REFUSABLE),
    apis=GENERATIVE,
    good=[
        (answered(completion(), **form("name")), BASELINE_RESPONSE),
        (answered(error("Unknown field.", param="messages[0].name"), status=400, **form("name")), BASELINE_RESPONSE),
        (
            answered({"error": {"message": "this model has no image input"}}, status=501, **form("image")),
            BASELINE_RESPONSE,
        ),
    ],
    bad=[
        (answered(error("Invalid request."), status=400, **form("name")), BASELINE_RESPONSE),
        (answered(error("Not supported."), status=501, **form("image")), BASELINE_RESPONSE),
        (answered(error("1 validation error (type=value_error)"), status=400, **form("image")), BASELINE_RESPONSE),
    ],
)
def form_refused_without_a_name(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Every turn fails, and the error does not name the role, part or field that the client would have to change."""
    words = REFUSABLE[x.case.subject]
    if not any(names_field(error_response(x), word) for word in words):
        yield from _refused(x, baseline, f"an error that names one of: {', '.join(words)}")


@rule(
    "PAR016",
    SHOULD,
    "Text as content parts or message items, in every documented role, is accepted",
    spec=f"{CREATE}#chat-create-messages",
    fix="Accept text as a string or as parts in every message, the role `developer` as `system`, and typed message items.",
    applies_to=_form_sent(*EXPECTED),
    apis=CONVERSATIONAL,
    good=[(answered(completion(), **form(name)), BASELINE_RESPONSE) for name in EXPECTED],
    bad=[
        (
            answered(error("Unknown role 'developer'.", param="messages[0].role"), status=400, **form("developer")),
            BASELINE_RESPONSE,
        ),
        (
            answered({"detail": "str type expected (type=type_error.str)"}, status=422, **form("parts")),
            BASELINE_RESPONSE,
        ),
        (
            answered(error("Must be a string.", param="messages[0].content"), status=400, **form("tool-parts")),
            BASELINE_RESPONSE,
        ),
        (answered(error("Must be a string.", param="input"), status=400, **form("typed")), BASELINE_RESPONSE),
    ],
)
def ordinary_form_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Frameworks choose the form, not their users: every turn fails, even if the error says why.

    A list of text parts is one text, for the roles system, user and tool alike; `developer` is the newer name of
    `system`, and SDKs send it to models that reason. Responses takes a string, or a list of items.
    """
    yield from _refused(x, baseline, "a completion")


def _adding(x: Exchange) -> NotJudged | None:
    if x.case.kind is not Kind.ACCEPTED_FORM or x.case.subject not in ADDED:
        return OUT_OF_SCOPE
    return counted_well(x)


LONGER = answered(completion(usage={"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}))
MORE = {"prompt_tokens": 30, "completion_tokens": 3, "total_tokens": 33}


@rule(
    "PAR011",
    SHOULD,
    "Every message and content part reaches the model, or is rejected",
    spec=f"{CREATE}#chat-create-messages",
    fix="Pass all parts of all messages to the model, and reject part types that it can't read with an error that names them.",
    applies_to=_adding,
    apis=CONVERSATIONAL,
    modes=("unary",),
    compares_with={"other": Compare(Kind.REPEAT)},
    good=[(answered(completion(usage=MORE), **form(name)), BASELINE_RESPONSE, LONGER) for name in ADDED],
    bad=[
        (answered(completion(), **form("parts")), BASELINE_RESPONSE, LONGER),
        (answered(completion(), **form("image")), BASELINE_RESPONSE, LONGER),
    ],
)
def part_dropped(x: Exchange, baseline: Exchange, other: Exchange) -> Iterator[Finding | NotJudged]:
    """The model never saw what the user sent: its response ignores a part of the prompt, or invents what an image shows.

    The prompt extends the baseline request's, so usage must count more prompt tokens. Judged only if it does so for
    another prompt, a few words longer than the baseline's.
    """
    longer, plain, control = usage(x), usage(baseline), usage(other)
    if not longer or not plain or not control:
        yield untestable("usage is missing in one of the compared responses")
    elif control.prompt <= plain.prompt:
        yield untestable("usage does not count more prompt tokens for a longer prompt")
    elif longer.prompt + longer.cached < plain.prompt + MIN_TOKENS[x.case.subject]:
        seen = f"{ADDED[x.case.subject]} was silently ignored: usage counts {longer.prompt} prompt tokens with it"
        yield Finding(f"{seen}, and {plain.prompt} for the baseline request without it", at=span_of(x))
