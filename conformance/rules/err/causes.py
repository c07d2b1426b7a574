"""Whether an error tells what is wrong: to people by the field's name, to programs by its code and status."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import names, quoted, refusal
from conformance.model.exchange import Exchange
from conformance.model.rule import When, rule
from conformance.model.verdict import ANOTHER_QUESTION, SHOULD, Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import greeted, in_a_mode_that_is_offered, replied
from conformance.rules.err.example import GOOD, GREETING, MISTAKE, refused_with
from conformance.rules.err.mistakes import mistaken
from conformance.rules.err.spec import CODES_4XX, ENVELOPE
from conformance.rules.example import answered, error

FIELDS = {
    "no-model": ("model",),
    "unknown-model": ("model",),
    "no-messages": ("messages", "input"),
    "empty-messages": ("messages", "input"),
    "bad-role": ("role", "messages", "input"),
    "negative-cap": ("max_tokens", "max_output_tokens"),
    "zero-cap": ("max_tokens",),
    "n-zero": ("n", "choices"),
    "top-logprobs-alone": ("top_logprobs", "logprobs"),
    "response-format": ("response_format", "type", "format"),
}
"""What a refusal may call the thing at fault, by mistake."""

ABOUT_THE_BODY = (*FIELDS, "bad-json", "array-body", "empty-body", "invalid-utf8", "duplicate-keys")
"""Mistakes in the body alone: the key is the right one."""

KEY_MATTERS = (401, 403)
TOO_LONG = "context_length_exceeded"
NO_MODEL = "model_not_found"


def _refused(*abouts: str) -> When:
    """One of these mistakes was refused with a 4xx status, in the error object of Chat Completions."""

    def refused(x: Exchange) -> Skip | None:
        if x.question.topic != "mistake" or x.question.about not in abouts:
            return ANOTHER_QUESTION
        if skip := mistaken(x):
            return skip
        said = refusal(x)
        if not 400 <= said.status < 500:
            return untestable("the request was answered") if not said else not_applicable("it is no refusal by status")
        return None if said.kind == "openai" else not_applicable("there is no error object of this API")

    return refused


def _unknown(**facts: Any) -> Exchange:
    said = {"message": "No model `x`.", "kind": "invalid_request_error", "param": "model", "code": NO_MODEL} | facts
    return answered(error(**said), status=404, probe="chat.mistake.unknown-model")


@rule(
    "ERR025",
    SHOULD,
    "A model that is not there is refused with the code `model_not_found`",
    spec=ENVELOPE,
    fix="Answer 404 with `code: model_not_found`.",
    when=_refused("unknown-model"),
    good=[_unknown()],
    bad=[_unknown(code=None), _unknown(code="invalid_value")],
    apis=("chat",),
)
def model_refused_without_a_code(x: Exchange) -> Iterator[Finding]:
    """Gateways and agents fall back to another model by this code; a text they can't tell from a bad request."""
    if refusal(x).code != NO_MODEL:
        seen = f"`error.code` is {quoted(refusal(x).code or 'no text')}"
        yield Finding(seen, at=refusal(x).at, expected=NO_MODEL)


def _overflowed(x: Exchange) -> Skip | None:
    if skip := _refused("too-long")(x):
        return skip
    return not_applicable("the body was too large, not the prompt") if reply(x).status == 413 else None


def _long(code: str | None, status: int = 400) -> Exchange:
    return answered(error("The prompt is too long.", code=code), status=status, probe="chat.mistake.too-long")


@rule(
    "ERR026",
    SHOULD,
    "A prompt that is too long is refused with the code `context_length_exceeded`",
    spec=ENVELOPE,
    fix="Answer 400 with `code: context_length_exceeded`.",
    when=_overflowed,
    good=[_long(TOO_LONG)],
    bad=[_long(None), _long("invalid_value")],
    apis=("chat",),
)
def overflow_without_a_code(x: Exchange) -> Iterator[Finding]:
    """Agents shorten the conversation by this code; without it they guess from the text, or give up."""
    if refusal(x).code != TOO_LONG:
        seen = f"`error.code` is {quoted(refusal(x).code or 'no text')}"
        yield Finding(seen, at=refusal(x).at, expected=TOO_LONG)


def _nameable(x: Exchange) -> Skip | None:
    if x.question.topic != "mistake" or x.question.about not in FIELDS:
        return ANOTHER_QUESTION
    if skip := mistaken(x):
        return skip
    said = refusal(x)
    if not 400 <= said.status < 500:
        return not_applicable("the mistake was not refused with a 4xx status")
    return None if said.is_json else not_applicable("the refusal is no JSON")


@rule(
    "ERR027",
    SHOULD,
    "The refusal of a mistake names what is wrong",
    spec=ENVELOPE,
    fix="Set `error.param` to the field at fault, and name it in the message.",
    when=_nameable,
    good=[GOOD, _unknown(param=None, message="The model `x` does not exist.")],
    bad=[refused_with(message="Bad request.", param=None), _unknown(message="Not found.", param=None)],
)
def refusal_that_names_nothing(x: Exchange) -> Iterator[Finding]:
    """Who reads `bad request` has to guess which of thirty fields it was."""
    said, wanted = refusal(x), FIELDS[x.question.about]
    if not any(names(said, name) for name in wanted):
        fields = " or ".join(f"`{name}`" for name in wanted)
        yield Finding(
            f"the error {said.status} says {quoted(said.message or said.text)}",
            at=said.at,
            expected=f"the word {fields}",
        )


def _of_the_body(x: Exchange) -> Skip | None:
    if x.question.topic != "mistake" or x.question.about not in ABOUT_THE_BODY:
        return ANOTHER_QUESTION
    return in_a_mode_that_is_offered(x) or replied(x)


@rule(
    "ERR031",
    SHOULD,
    "A mistake in the body is not laid to the key",
    spec=CODES_4XX,
    fix="Answer 400; look for a firewall in front of the API that answers 403 to bodies that it can't read.",
    when=_of_the_body,
    good=[(GOOD, GREETING)],
    bad=[(answered(error(), status=status, **MISTAKE), GREETING) for status in (401, 403)],
)
def mistake_laid_to_the_key(x: Exchange, hello: Exchange) -> Iterator[Finding | Skip]:
    """Users change their keys, and SDKs raise an authentication error, where a comma was missing."""
    if reply(x).status not in KEY_MATTERS:
        return
    if skip := greeted(hello):
        yield skip
    else:
        seen = f"a mistake in the body was answered {reply(x).status}; the same key opens the plain greeting"
        yield Finding(seen, at=reply(x).head, expected="400")
