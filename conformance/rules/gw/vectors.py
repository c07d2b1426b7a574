"""The vectors of a response arrive at the client: their values, their number, and the inputs that they belong to."""

from collections.abc import Iterator, Mapping
from typing import Final

from conformance.apis.chat import span_of
from conformance.apis.embeddings import Values, is_same, vectors
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, Finding, NotJudged
from conformance.rules.emb.example import ONE, THREE, TWO, as_base64, batch, single
from conformance.rules.emb.spec import OBJECT, ONLY
from conformance.rules.gw.answers import passed_on
from conformance.rules.gw.content import USUAL
from conformance.rules.gw.example import both

PROBE: Final = "gateway.content.example"
BATCH: Final = batch(TWO, ONE, THREE, probe=PROBE)
FINE: Final = single((0.012345679104328156, -1.5e-05, 0.9999237656593323), probe=PROBE)
SHORT: Final = (0.012345679, -0.000015, 0.9999238)
"""The same 32-bit floats with fewer digits."""


def by_input(x: Exchange) -> Mapping[int, Values | None]:
    """The vectors by the indexes of their inputs, or by position, if these are not all there once; None: unreadable."""
    indexes = [vector.input_index for vector in vectors(x)]
    is_numbered = None not in indexes and len({*indexes}) == len(indexes)
    return {
        vector.input_index if is_numbered and vector.input_index is not None else vector.at: vector.values
        for vector in vectors(x)
    }


@rule(
    "GW144",
    MUST,
    "Each embedding arrives at the client as the upstream sent it, with the index of its input",
    spec=OBJECT,
    fix="Forward the bytes of the response; where vectors are written anew, keep their order, and the precision of 32-bit "
    "floats.",
    applies_to=USUAL,
    apis=ONLY,
    modes=("unary",),
    good=[
        both(BATCH, BATCH),
        both(single(SHORT, probe=PROBE), FINE),
        both(single(ONE, probe=PROBE), single(as_base64(ONE), probe=PROBE, encoding_format="base64")),
    ],
    bad=[
        both(single((0.0123, 0.0, 0.9999), probe=PROBE), FINE),
        both(batch(ONE, TWO, THREE, probe=PROBE), BATCH),
        both(batch(TWO, ONE, probe=PROBE), BATCH),
        both(single(ONE[:2], probe=PROBE), single(ONE, probe=PROBE)),
        both(single(as_base64(ONE, ">f"), probe=PROBE), single(as_base64(ONE), probe=PROBE)),
    ],
)
def embedding_altered(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """It is compared with others, which were computed without this gateway, or by another version of it: searches find
    less, or what belongs to another text, and no error says so.
    """
    sent = passed_on(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
        return
    before, after = by_input(sent), by_input(x)
    for index in sorted(before.keys() | after.keys()):
        if seen := _change(index, before, after):
            yield Finding(f"embedding {index} {seen}", at=span_of(x), expected="the upstream's embedding")


def _change(index: int, before: Mapping[int, Values | None], after: Mapping[int, Values | None]) -> str:
    """How the embedding with an index differs from the upstream's, as the rest of a sentence; or empty."""
    sent, got = before.get(index), after.get(index)
    if got is None:
        return "can't be read at the client" if index in after else "is lost"
    if sent is None:
        return "was not sent by the upstream"
    return "" if is_same(sent, got) else _difference(sent, got, before)


def _difference(sent: Values, got: Values, before: Mapping[int, Values | None]) -> str:
    if others := [other for other, values in before.items() if values and is_same(values, got)]:
        return f"is the one that the upstream sent with index {others[0]}"
    if len(sent) != len(got):
        return f"has {len(got)} values at the client; the upstream sent {len(sent)}"
    at = max(range(len(sent)), key=lambda place: abs(sent[place] - got[place]))
    return f"differs: value {at} is {got[at]!r} at the client; the upstream sent {sent[at]!r}"
