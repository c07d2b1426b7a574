"""The fields object, id, created and model of a completion."""

from collections.abc import Iterator

from conformance.apis.chat import is_chunk, span_of
from conformance.apis.errors import body
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.model.words import WITH_CHOICES
from conformance.parsing.json_values import describe_member, display, is_integer
from conformance.rules.chk.shape import MILLISECONDS
from conformance.rules.cmp.conditions import completed, valued
from conformance.rules.cmp.example import GOOD, VENDOR, without
from conformance.rules.cmp.shape import completion_of, whole_rule
from conformance.rules.example import answered
from conformance.rules.example import completion as whole
from conformance.rules.shared_checks import wrong_object


@whole_rule(
    "CMP001",
    MUST,
    "A non-streaming response is one JSON object with object: chat.completion",
    about="object",
    fix='Return one JSON object with object: "chat.completion" to non-streaming requests.',
    applies_to=valued,
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
    """Clients parse the response body as a completion: anything else raises an exception, or gives empty content."""
    value = body(x)
    if isinstance(value, dict) and not is_chunk(value):
        yield Finding(
            "the response body is an object, but not a completion: it has neither object nor choices", at=span_of(x)
        )
    else:
        yield from wrong_object(x, "object", "chat.completion")


@whole_rule(
    "CMP002",
    MUST,
    "A completion has a string id",
    about="id",
    fix="Generate an id for each request, and send it in the completion.",
    applies_to=completed,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR],
    bad=[answered(without("id")), answered(whole(id=None)), answered(whole(id=7))],
)
def no_id(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients reject a completion without an id."""
    if not isinstance(completion_of(x).get("id"), str):
        yield Finding(f"the completion has {describe_member(completion_of(x), 'id')}", at=span_of(x))


@whole_rule(
    "CMP003",
    MUST,
    "A completion has an integer created",
    about="created",
    fix="Set created to the Unix time in seconds, as an integer.",
    applies_to=completed,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR],
    bad=[answered(without("created")), answered(whole(created="now")), answered(whole(created=1.5))],
)
def no_created(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients (Go, Rust, Java) reject the completion if created is missing or not an integer."""
    if not is_integer(completion_of(x).get("created")):
        yield Finding(f"the completion has {describe_member(completion_of(x), 'created')}", at=span_of(x))


@whole_rule(
    "CMP004",
    MUST,
    "A completion has a string model",
    about="model",
    fix="Send the model's name in the completion.",
    applies_to=completed,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR],
    bad=[answered(without("model")), answered(whole(model=None))],
)
def no_model(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients reject a completion without a model; prices are looked up by it."""
    if not isinstance(completion_of(x).get("model"), str):
        yield Finding(f"the completion has {describe_member(completion_of(x), 'model')}", at=span_of(x))


@whole_rule(
    "CMP005",
    SHOULD,
    "A completion's id and model are not empty, and created is in seconds",
    about="id",
    fix="Set id and model, and set created to the Unix time in seconds.",
    applies_to=completed,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR],
    bad=[answered(whole(id="")), answered(whole(model="")), answered(whole(created=1_760_000_000_000))],
)
def blank_name(x: Exchange) -> Iterator[Finding]:
    """A response without id, model and time can't be traced from a user's complaint to the server's log."""
    for name in ("id", "model"):
        if completion_of(x).get(name) == "":
            yield Finding(f"the completion has an empty {name}", at=span_of(x))
    created = completion_of(x).get("created")
    if is_integer(created) and not -1 < created < MILLISECONDS:
        yield Finding(
            f"the completion has created {display(created)}, which is not a Unix time in seconds", at=span_of(x)
        )
