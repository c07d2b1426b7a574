"""What a completion says that it is: object, id, created, model."""

from collections.abc import Iterator

from conformance.apis.chat import is_chunk, place
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import value_of
from conformance.parsing.json_values import held, is_integer, shown
from conformance.rules.chk.shape import MILLISECONDS
from conformance.rules.cmp.conditions import completed, valued
from conformance.rules.cmp.example import GOOD, VENDOR, without
from conformance.rules.cmp.shape import completion_of, whole_rule
from conformance.rules.example import answered
from conformance.rules.example import completion as whole


@whole_rule(
    "CMP001",
    MUST,
    "A whole answer is one JSON object marked chat.completion",
    about="object",
    fix='Answer a request without stream with one JSON object that says object: "chat.completion".',
    when=valued,
    good=[GOOD, VENDOR],
    bad=[
        answered(whole(object="chat.completion.chunk")),
        answered(whole(object="text_completion")),
        answered(without("object")),
        answered('"Hello there."'),
        answered([whole()]),
        answered({"text": "Hello"}),
    ],
)
def no_completion(x: Exchange) -> Iterator[Finding]:
    """Clients parse the body as a completion: of anything else they make an exception, or an answer without words."""
    value = value_of(reply(x).content)
    if not isinstance(value, dict):
        yield Finding(f"the reply is {shown(value)}", at=place(x), expected="an object")
    elif not is_chunk(value):
        yield Finding("the reply is an object that is no completion: neither object nor choices", at=place(x))
    elif value.get("object") != "chat.completion":
        yield Finding(f"the reply has {held(value, 'object')}", at=place(x))


@whole_rule(
    "CMP002",
    MUST,
    "A completion has a string as its id",
    about="id",
    fix="Make an id when the request arrives and put it into the answer.",
    when=completed,
    good=[GOOD, VENDOR],
    bad=[answered(without("id")), answered(whole(id=None)), answered(whole(id=7))],
)
def no_id(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients refuse an answer without id."""
    if not isinstance(completion_of(x).get("id"), str):
        yield Finding(f"the completion has {held(completion_of(x), 'id')}", at=place(x))


@whole_rule(
    "CMP003",
    MUST,
    "A completion has an integer as its time of creation",
    about="created",
    fix="Set created to the Unix time in whole seconds, as a number.",
    when=completed,
    good=[GOOD, VENDOR],
    bad=[answered(without("created")), answered(whole(created="now")), answered(whole(created=1.5))],
)
def no_created(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients (Go, Rust, Java) refuse the answer where the time is missing or no integer."""
    if not is_integer(completion_of(x).get("created")):
        yield Finding(f"the completion has {held(completion_of(x), 'created')}", at=place(x))


@whole_rule(
    "CMP004",
    MUST,
    "A completion names its model in a string",
    about="model",
    fix="Put the model's name into the answer.",
    when=completed,
    good=[GOOD, VENDOR],
    bad=[answered(without("model")), answered(whole(model=None))],
)
def no_model(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients refuse an answer without a model; prices are looked up by it."""
    if not isinstance(completion_of(x).get("model"), str):
        yield Finding(f"the completion has {held(completion_of(x), 'model')}", at=place(x))


@whole_rule(
    "CMP005",
    SHOULD,
    "A completion's id and model are not blank, and its time is in seconds",
    about="id",
    fix="Fill in id and model, and take the time in seconds since 1970.",
    when=completed,
    good=[GOOD, VENDOR],
    bad=[answered(whole(id="")), answered(whole(model="")), answered(whole(created=1_760_000_000_000))],
)
def blank_name(x: Exchange) -> Iterator[Finding]:
    """An answer without name or time can't be traced from a user's complaint to the server's log."""
    for name in ("id", "model"):
        if completion_of(x).get(name) == "":
            yield Finding(f"the completion's {name} is blank", at=place(x))
    created = completion_of(x).get("created")
    if is_integer(created) and not -1 < created < MILLISECONDS:
        yield Finding(f"created is {shown(created)}, which is no time in seconds", at=place(x))
