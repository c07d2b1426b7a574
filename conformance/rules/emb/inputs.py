"""Inputs that are documented, and those that are none."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.chat import span_of
from conformance.apis.embeddings import by_index, vectors
from conformance.apis.errors import error_response, quoted, rejected_fields
from conformance.apis.request import request_body
from conformance.apis.usage import usage
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition, rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import as_array
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import (
    all_of,
    answered_or_rejected,
    baseline_ok,
    not_rejected_for_other_reasons,
    readable,
    succeeded,
    whole,
)
from conformance.rules.emb.conditions import is_case, is_finite
from conformance.rules.emb.example import GOOD, GOOD_BATCH, ONE, TEXTS, THREE, TWO, batch, embedded, entry, single
from conformance.rules.emb.example import listed as response
from conformance.rules.emb.spec import CREATE, ONLY
from conformance.rules.example import SSE, error, exchange, http, sse

INPUT: Final = f"{CREATE}#embeddings-create-input"
REFUSED: Final = error("'input' is not acceptable.", param="input")
EMPTY: Final = {
    "empty-text": "an empty text",
    "empty-list": "an empty list",
    "empty-in-a-batch": "a list with an empty text",
}
FEWER: Final = 0.5
"""Tokens for a word of which each tokenizer makes one at least; half of them are missing only if the text was cut."""


def _probe_of(kind: Kind, *subjects: str) -> Condition:
    """One of these requests was accepted, or rejected because of its content."""
    return all_of(is_case(kind, *subjects), not_rejected_for_other_reasons, readable)


def _refusal(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """An error that can be attributed to the form of the input, because the baseline request succeeds."""
    error = error_response(x)
    if not error:
        return
    if error.status >= 500 and error.status != 501:
        yield not_applicable(f"the target returned HTTP {error.status} (see ERR004)")
    elif skip := baseline_ok(baseline):
        yield skip
    elif (refused := rejected_fields(x)) and "input" not in refused:
        yield untestable(f"the target rejected `{refused[0]}`, not the form of `input`")
    else:
        seen = f"the form `{x.case.subject}` was rejected with HTTP {reply(x).status}: {quoted(error.message or error.text)}"
        yield Finding(seen, at=error.at)


def _form(name: str, given: object = TEXTS) -> Exchange:
    return embedded(REFUSED, given, f"form.{name}", status=400)


@rule(
    "EMB023",
    MUST,
    "A list of texts is accepted",
    spec=INPUT,
    fix="Accept `input` as a text and as a list of texts.",
    applies_to=_probe_of(Kind.ACCEPTED_FORM, "batch", "list-of-one"),
    apis=ONLY,
    good=[(GOOD_BATCH, GOOD)],
    bad=[(_form("batch"), GOOD), (_form("list-of-one", TEXTS[:1]), GOOD)],
)
def list_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Frameworks send documents as lists, even a single one: none of their requests succeeds."""
    yield from _refusal(x, baseline)


@rule(
    "EMB024",
    SHOULD,
    "Lists of tokens are accepted",
    spec=INPUT,
    fix="Accept `input` as a list of tokens and as a list of such lists, as numbers of the model's own vocabulary.",
    applies_to=_probe_of(Kind.ACCEPTED_FORM, "tokens", "token-lists"),
    apis=ONLY,
    good=[(single(ONE, [5, 17], "form.tokens"), GOOD)],
    bad=[(_form("tokens", [5, 17]), GOOD), (_form("token-lists", [[5], [17]]), GOOD)],
)
def tokens_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """LangChain's OpenAIEmbeddings sends tokens unless an option forbids it."""
    yield from _refusal(x, baseline)


@rule(
    "EMB034",
    SHOULD,
    "A list of 64 texts is accepted",
    spec=INPUT,
    fix="Split a long list into batches inside the server: the API documents lists of up to 2048 inputs.",
    applies_to=_probe_of(Kind.ACCEPTED_FORM, "many"),
    apis=ONLY,
    good=[(single(ONE, TEXTS * 22, "form.many"), GOOD)],
    bad=[(_form("many", TEXTS * 22), GOOD)],
)
def long_list_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Frameworks send up to 1000 texts at once by default: small examples work, and then indexing documents fails."""
    yield from _refusal(x, baseline)


def _float_refusal(message: str) -> Exchange:
    return embedded(error(message), TEXTS[1], status=400, encoding_format="float")


@rule(
    "EMB033",
    SHOULD,
    "encoding_format: float is accepted",
    spec=f"{CREATE}#embeddings-create-encoding_format",
    fix="Accept `float`, the documented default, by its name, too.",
    applies_to=_probe_of(Kind.REPEAT, ""),
    apis=ONLY,
    good=[(GOOD, GOOD)],
    bad=[(_float_refusal("Value 'float' of 'encoding_format' is invalid."), GOOD)],
)
def float_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients that do not decode Base64, as the AI SDK, send it with every request: none of their requests succeeds."""
    error = error_response(x)
    if not error:
        return
    if skip := baseline_ok(baseline):
        yield skip
    elif "encoding_format" in rejected_fields(x):
        seen = (
            f"`encoding_format: float` was rejected with HTTP {reply(x).status}: {quoted(error.message or error.text)}"
        )
        yield Finding(seen, at=error.at)
    else:
        yield untestable(f"the target returned HTTP {reply(x).status}, and does not name `encoding_format`")


def _given(x: Exchange) -> NotJudged | None:
    return _probe_of(Kind.MISTAKE, *EMPTY)(x) or answered_or_rejected(x)


@rule(
    "EMB025",
    SHOULD,
    "An empty text, or an empty list, is rejected",
    spec=INPUT,
    fix="Return 400, and name `input`.",
    applies_to=_given,
    apis=ONLY,
    good=[embedded(REFUSED, "", "mistake.empty-text", status=400)],
    bad=[
        single(ONE, "", "mistake.empty-text"),
        embedded(response(), [], "mistake.empty-list"),
        batch(ONE, TWO, THREE, given=["a", "", "b"], probe="mistake.empty-in-a-batch"),
    ],
)
def empty_input_accepted(x: Exchange) -> Iterator[Finding]:
    """The embedding of nothing is near to everything: a document that was lost on the way is found by every search."""
    if not error_response(x):
        yield Finding(
            f"{EMPTY[x.case.subject]} was accepted with HTTP {reply(x).status}",
            at=reply(x).head,
            expected="a 4xx error",
        )


def _accepted(*mistakes: str) -> Condition:
    """The request has an input that no target has to take, and was accepted."""

    def accepted(x: Exchange) -> NotJudged | None:
        if skip := _probe_of(Kind.MISTAKE, *mistakes)(x) or succeeded(x) or whole(x):
            return skip
        return not_applicable("the request was rejected") if error_response(x) else None

    return accepted


@rule(
    "EMB026",
    MUST,
    "An input that is accepted though it need not be gets an embedding of its own",
    spec=INPUT,
    fix="Reject the request with 400, or return one embedding for each input, with its index.",
    applies_to=_accepted("empty-text", "empty-in-a-batch", "too-long"),
    apis=ONLY,
    good=[
        single(ONE, "", "mistake.empty-text"),
        batch(ONE, TWO, THREE, given=["a", "", "b"], probe="mistake.empty-in-a-batch"),
    ],
    bad=[
        batch(ONE, TWO, given=["a", "", "b"], probe="mistake.empty-in-a-batch"),
        embedded(response(), "", "mistake.empty-text"),
        embedded(response(entry([None, None])), "", "mistake.empty-text"),
    ],
)
def input_lost(x: Exchange) -> Iterator[Finding]:
    """From the input that was left out on, each text is stored with the embedding of another."""
    given = request_body(x).get("input")
    wanted = len(as_array(given)) if isinstance(given, list) else 1
    found = vectors(x)
    if len(found) != wanted:
        yield Finding(f"the response has {len(found)} embeddings for {wanted} inputs", at=span_of(x))
    elif odd := next((vector for vector in found if not is_finite(vector)), None):
        why = odd.fault or "it has values that are not finite"
        yield Finding(f"embedding {odd.at} can't be used: {why}", at=span_of(x))


def _long(x: Exchange) -> NotJudged | None:
    return _probe_of(Kind.MISTAKE, "too-long")(x) or answered_or_rejected(x)


WORDS: Final = "no " * 100


def _counted(tokens: int) -> Exchange:
    return embedded(response(entry(ONE), tokens=tokens), WORDS, "mistake.too-long")


@rule(
    "EMB027",
    SHOULD,
    "A text that is too long is rejected, not silently cut",
    spec=INPUT,
    fix="Return 400 with `error.code: context_length_exceeded`, unless the client asks for truncation.",
    applies_to=_long,
    apis=ONLY,
    good=[embedded(REFUSED, WORDS, "mistake.too-long", status=400), _counted(101)],
    bad=[_counted(8)],
)
def text_cut(x: Exchange) -> Iterator[Finding | NotJudged]:
    """What follows the cut is not in the embedding, and never found; the client believes that the document is stored."""
    error, spent = error_response(x), usage(x)
    words = len(str(request_body(x).get("input")).split())
    if error:
        return
    if spent is None or not spent.prompt:
        yield untestable("the response has no usage that counts the text")
    elif spent.prompt < FEWER * words:
        seen = f"a text of {words} words was accepted, but usage counts {spent.prompt} tokens"
        yield Finding(seen, at=span_of(x), expected="an error, or all tokens")


def _ended(*vectors: object) -> Exchange:
    return batch(*vectors, given=[f"{WORDS}{end}" for end in TEXTS[:2]], probe="mistake.long-texts")


@rule(
    "EMB031",
    SHOULD,
    "Long texts that differ at the end have different embeddings",
    spec=INPUT,
    fix="Return 400 with `error.code: context_length_exceeded`, unless the client asks for truncation.",
    applies_to=_accepted("long-texts"),
    apis=ONLY,
    good=[_ended(ONE, TWO), _ended(ONE, (0.6, 0.79999, 0.0, 0.0))],
    bad=[_ended(ONE, ONE)],
)
def end_of_a_text_cut(x: Exchange) -> Iterator[Finding | NotJudged]:
    """A server that cuts texts at the model's context may count them before it does: usage then shows nothing.

    The client believes that the document is stored, but a search finds its beginning only.
    """
    found = by_index(x)
    if {*found} != {0, 1} or not all(map(is_finite, vectors(x))):
        yield untestable("the response has not one embedding for each of the two texts")
    elif not any(found[0]):
        yield untestable("the embeddings are zero (see EMB009)")
    elif found[0] == found[1]:
        words = len(str(as_array(request_body(x).get("input"))[0]).split())
        seen = f"two texts of about {words} words with different ends were accepted, and have the same embedding"
        yield Finding(seen, at=span_of(x), expected="an error, or embeddings of the whole texts")


STREAMED: Final[dict[str, Any]] = {"probe": "embeddings.unknown-field.stream", "body": {"input": "a", "stream": True}}


def _streaming(x: Exchange) -> NotJudged | None:
    if x.case.kind is not Kind.UNKNOWN_FIELD or x.case.subject != "stream":
        return OUT_OF_SCOPE
    return succeeded(x) or readable(x)


@rule(
    "EMB028",
    SHOULD,
    "stream: true, which the API does not have, gets no event stream",
    spec=CREATE,
    fix="Reject `stream: true` with 400, or ignore it and say so; the response is one JSON object.",
    applies_to=_streaming,
    apis=ONLY,
    good=[single(ONE, "a", "unknown-field.stream", stream=True)],
    bad=[exchange(http(200, [SSE], sse(response(entry(ONE)), "[DONE]")), mode="unary", **STREAMED)],
)
def embeddings_in_events(x: Exchange) -> Iterator[Finding]:
    """No client reads events here: it fails at the first character."""
    if looks_like_events(x):
        yield Finding("the response is an event stream", at=span_of(x), expected="one JSON object, or an error")
