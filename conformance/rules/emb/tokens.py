"""Whether lists of tokens are taken as tokens."""

from collections.abc import Iterator
from itertools import combinations
from typing import Final

from conformance.apis.chat import span_of
from conformance.apis.embeddings import by_index, cosine
from conformance.apis.request import request_body
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged, untestable
from conformance.parsing.json_values import as_array, display
from conformance.rules.emb.conditions import finite, of, other_name
from conformance.rules.emb.example import ONE, THREE, TWO, batch, single
from conformance.rules.emb.spec import CREATE, ONLY

EQUAL: Final = 0.9995
"""The least cosine by which tokens have the embedding of a text, and not a similar one."""
APART: Final = 0.99
"""The cosine of at least two of the texts, if the model tells such texts apart; equal digits make them similar."""
GIVEN: Final = [5, 17]
NOTATIONS: Final = ["[5, 17]", "[5,17]", "5 17"]


def _texts(*vectors: object) -> Exchange:
    return batch(*vectors, given=NOTATIONS, probe="form.tokens-as-texts")


def _tokens(values: object) -> Exchange:
    return single(values, GIVEN, "form.tokens")


@rule(
    "EMB030",
    MUST,
    "A list of tokens is embedded as these tokens, not as the text of their numbers",
    spec=f"{CREATE}#embeddings-create-input",
    fix="Pass integers to the model as its own tokens, or reject them with 400: do not turn the list into a text.",
    applies_to=of(Kind.ACCEPTED_FORM, "tokens"),
    apis=ONLY,
    good=[
        (_tokens(ONE), _texts(TWO, THREE, (0.0, 0.7, 0.7, 0.0))),
        (_tokens((0.62, 0.78, 0.0, 0.0)), _texts(ONE, TWO, THREE)),
    ],
    bad=[(_tokens(ONE), _texts(ONE, TWO, THREE)), (_tokens(ONE), _texts(TWO, THREE, (0.6, 0.8001, 0.0, 0.0)))],
    compares_with={"written": Compare(Kind.ACCEPTED_FORM, "tokens-as-texts")},
)
def tokens_taken_for_text(x: Exchange, written: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients that send tokens, as LangChain does by default, store the embeddings of digits: no search finds anything."""
    if skip := finite(written):
        yield skip
        return
    if why := other_name(x, written):
        yield untestable(why)
        return
    texts, given = by_index(written), as_array(request_body(written).get("input"))
    if min(cosine(one, other) or 0.0 for one, other in combinations(texts.values(), 2)) > APART:
        yield untestable("the model hardly tells texts of digits apart")
        return
    for index, values in texts.items():
        near = cosine(by_index(x)[0], values) or 0.0
        if near >= EQUAL:
            seen = f"the tokens have the embedding of the text {display(given[index])} (cosine {near:.4f})"
            yield Finding(seen, at=span_of(x))
            return
