"""The list of embeddings: its members, one embedding for each input, and their indexes."""

from collections.abc import Iterator

from conformance.apis.chat import span_of
from conformance.apis.embeddings import inputs, vectors
from conformance.apis.errors import body
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, untestable
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_array, as_object, describe_member, display, is_integer
from conformance.rules.emb.conditions import answered, counted, listed
from conformance.rules.emb.example import GOOD, GOOD_BASE64, GOOD_BATCH, ONE, TEXTS, THREE, TWO, batch, embedded, entry
from conformance.rules.emb.example import listed as response
from conformance.rules.emb.spec import CREATE, OBJECT, ONLY


@rule(
    "EMB001",
    MUST,
    "The response is an object with data, an array of objects with an embedding each",
    spec=OBJECT,
    fix='Return {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [...]}], "model": ..., "usage": ...}.',
    applies_to=answered,
    apis=ONLY,
    good=[GOOD, GOOD_BATCH, GOOD_BASE64],
    bad=[
        embedded([[*ONE]]),
        embedded({"embedding": [*ONE]}),
        embedded({"embeddings": [[*ONE]]}),
        embedded(response(data={"embedding": [*ONE]})),
        embedded(response([*ONE])),
        embedded(response(entry(None))),
        embedded(response(entry({"values": [*ONE]}))),
    ],
)
def no_list_of_embeddings(x: Exchange) -> Iterator[Finding]:
    """Every client reads `data[i].embedding`: elsewhere it finds nothing, and raises an error."""
    value = body(x)
    if not isinstance(value, dict):
        yield Finding(f"the response body is {display(value)}", at=span_of(x), expected="an object with `data`")
    elif not isinstance(value.get("data"), list):
        yield Finding(f"the response has {describe_member(value, 'data')}", at=span_of(x), expected="an array")
    else:
        for at, item in enumerate(value["data"]):
            sent = as_object(item).get("embedding")
            if not isinstance(sent, list | str):
                seen = describe_member(item, "embedding") if isinstance(item, dict) else f"the value {display(item)}"
                yield Finding(f"entry {at} of data has {seen}", at=span_of(x), expected="an array of numbers")


def _wrong_members(value: Object) -> Iterator[str]:
    """The documented members that are missing or wrong, in clauses."""
    if value.get("object") != "list":
        yield f"the response has {describe_member(value, 'object')}, not list"
    if not isinstance(value.get("model"), str) or not value["model"]:
        yield f"the response has {describe_member(value, 'model')}"
    for at, item in enumerate(as_array(value.get("data"))):
        if isinstance(item, dict) and item.get("object") != "embedding":
            yield f"entry {at} of data has {describe_member(item, 'object')}, not embedding"
            return


@rule(
    "EMB002",
    SHOULD,
    "The list and each embedding have their documented object, and the list the name of the model",
    spec=OBJECT,
    fix="Send `object: list` and the model's name with the list, and `object: embedding` with each embedding.",
    applies_to=listed,
    apis=ONLY,
    good=[GOOD, GOOD_BATCH, embedded(response(entry(ONE), id="embd-1", created=1))],
    bad=[
        embedded(response(entry(ONE), object=None)),
        embedded(response(entry(ONE), object="embeddings")),
        embedded(response(entry(ONE), model=None)),
        embedded(response(entry(ONE), model="")),
        embedded(response(entry(ONE, object=None))),
        embedded(response(entry(ONE, object="vector"))),
    ],
)
def incomplete_list(x: Exchange) -> Iterator[Finding]:
    """Typed clients (Go, Rust, C#) can't parse the response without them; an index must not mix models."""
    for seen in _wrong_members(as_object(json_body(x))):
        yield Finding(seen, at=span_of(x))


@rule(
    "EMB003",
    MUST,
    "The response has one embedding for each input",
    spec=f"{CREATE}#embeddings-create-input",
    fix="Embed each text of a list, and each list of tokens, once; a flat list of integers is one input.",
    applies_to=counted,
    needs=("request",),
    apis=ONLY,
    good=[GOOD, GOOD_BATCH, embedded(response(entry(ONE)), [5, 17, 9]), batch(ONE, TWO, given=[[5, 17], [9]])],
    bad=[
        batch(TWO, ONE),
        batch(TWO),
        batch(TWO, ONE, THREE, ONE),
        embedded(response()),
        batch(ONE, TWO, THREE, given=[5, 17, 9]),
        embedded(response(entry(ONE)), [[5, 17], [9]]),
        embedded(response(entry(ONE), entry(TWO, 1)), TEXTS[0]),
    ],
)
def another_number_of_embeddings(x: Exchange) -> Iterator[Finding]:
    """Programs pair texts and embeddings by position: from the missing one on, each text is stored with another's."""
    wanted, found = inputs(x), len(vectors(x))
    if found != wanted:
        yield Finding(f"the response has {found} embeddings for {wanted} inputs", at=span_of(x))


@rule(
    "EMB004",
    MUST,
    "Each embedding has the index of its input, and each index occurs once",
    spec=OBJECT,
    fix="Number the embeddings of each response from 0, in the order of the inputs, and send the 0, which Protocol Buffers omit.",
    applies_to=counted,
    apis=ONLY,
    good=[GOOD, GOOD_BATCH, embedded(response(entry(ONE, 1), entry(TWO, 0)), TEXTS[:2])],
    bad=[
        embedded(response(entry(ONE, 1))),
        embedded(response(entry(ONE, 0), entry(TWO, 0)), TEXTS[:2]),
        embedded(response(entry(ONE, 1), entry(TWO, 2)), TEXTS[:2]),
        embedded(response(entry(ONE, index=None))),
        embedded(response(entry(ONE, index="0"))),
        embedded(response(entry(ONE, index=-1))),
    ],
)
def wrong_index(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients sort by it, as the order of the list is not promised: with a wrong one, texts get the embeddings of others."""
    found = [vector.entry.get("index") for vector in vectors(x)]
    odd = next((at for at, index in enumerate(found) if not is_integer(index)), None)
    if odd is not None:
        seen = f"entry {odd} of data has {describe_member(vectors(x)[odd].entry, 'index')}"
        yield Finding(seen, at=span_of(x), expected="an integer")
    elif len(found) != inputs(x):
        yield untestable("the response has another number of embeddings than inputs (see EMB003)")
    elif sorted(map(int, filter(is_integer, found))) != list(range(len(found))):
        shown = ", ".join(display(index) for index in found[:8])
        yield Finding(f"the indexes of {len(found)} embeddings are {shown}", at=span_of(x), expected="each from 0 once")


@rule(
    "EMB005",
    MUST,
    "The embeddings are in the order of their inputs",
    spec=OBJECT,
    fix="Sort the embeddings by index before sending them.",
    applies_to=counted,
    apis=ONLY,
    good=[GOOD, GOOD_BATCH],
    bad=[embedded(response(entry(ONE, 1), entry(TWO, 0)), TEXTS[:2])],
)
def embeddings_out_of_order(x: Exchange) -> Iterator[Finding | NotJudged]:
    """The frameworks ignore the index and take them in order: they store texts with the embeddings of others.

    `index` is documented as the place in this list, so that a list in another order contradicts itself.
    """
    found = [vector.sent_index for vector in vectors(x)]
    known = [index for index in found if index is not None]
    if sorted(known) != list(range(len(found))):
        yield untestable("the indexes are not those of the inputs (see EMB003, EMB004)")
    elif known != sorted(known):
        yield Finding(f"the embeddings have the indexes {', '.join(map(str, known[:8]))} in this order", at=span_of(x))
