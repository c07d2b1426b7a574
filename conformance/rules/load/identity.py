"""Each response belongs to one request: no text of another, and an id of its own."""

from collections.abc import Iterator

from conformance.model.rule import rule
from conformance.model.sample import Population, Sample
from conformance.model.verdict import MUST, Finding, NotJudged, not_applicable
from conformance.model.words import GENERATIVE
from conformance.rules.load.conditions import counted, name, not_loaded, of_users
from conformance.rules.load.example import (
    ALONE,
    AS_REQUESTED,
    BUSY,
    completed,
    nonce,
    rejected,
    requested_text,
    with_header,
)
from conformance.rules.load.spec import ERRORS, STREAMING

LEAK = {"error": BUSY["error"] | {"message": f"Too many requests; the last one was: {nonce(2)}"}}
ECHO = {"error": BUSY["error"] | {"message": f"Too many requests; yours was: {nonce(3)}"}}


def _leaks(population: Population, *, errors: bool) -> Iterator[Finding]:
    """A finding, if responses hold nonces that other requests of the run had."""
    samples = [s for s in (*population.load, *population.after) if s.outcome != "stopped" and _is_error(s) == errors]
    bad = [s for s in samples if _owners(population, s)]
    if bad:
        owner = _owners(population, bad[0])[0]
        what = f"hold the nonce of another request: {name(bad[0])} got that of {name(owner)}"
        yield counted(bad, len(samples), what)


def _is_error(sample: Sample) -> bool:
    return sample.outcome in ("error", "overloaded")


def _owners(population: Population, sample: Sample) -> list[Sample]:
    """The requests whose nonces a response holds."""
    found = (population.owner(nonce) for nonce in sample.foreign)
    return [owner for owner in found if owner and owner.nonce != sample.nonce]


@rule(
    "LOAD001",
    MUST,
    "A response has no text of another user's request",
    spec=STREAMING,
    fix="Keep all state of a request in that request: no buffer, queue or slot shared by two; key caches by the whole request.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[AS_REQUESTED, (*AS_REQUESTED, completed(3, text="I can't do that."))],
    bad=[
        (*AS_REQUESTED, completed(3, text=requested_text(2))),
        (*AS_REQUESTED, completed(3, text=f"{requested_text(3)} {nonce(1)}")),
        (*AS_REQUESTED, with_header(completed(3), "x-prompt", nonce(1))),
    ],
)
def text_of_another_user(population: Population) -> Iterator[Finding | NotJudged]:
    """One customer reads another customer's conversation, and acts on tool calls that were meant for somebody else.

    Each request asks for a word that no other has. It is sought in text, tool calls, reasoning, ids and header fields.
    """
    if skip := not_loaded(population):
        yield skip
    else:
        yield from _leaks(population, errors=False)


@rule(
    "LOAD002",
    MUST,
    "An error has no text of another user's request",
    spec=ERRORS,
    fix="Build each error from its own request; do not repeat prompts, model names or headers from shared state.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[(*AS_REQUESTED, rejected(3)), (*AS_REQUESTED, rejected(3, value=ECHO))],
    bad=[(*AS_REQUESTED, rejected(3, value=LEAK))],
)
def error_about_another_user(population: Population) -> Iterator[Finding | NotJudged]:
    """Errors are logged and shown: a prompt or a key in the wrong error is a leak."""
    if skip := not_loaded(population):
        yield skip
    elif not any(map(_is_error, (*population.load, *population.after))):
        yield not_applicable("no request got an error")
    else:
        yield from _leaks(population, errors=True)


@rule(
    "LOAD005",
    MUST,
    "Each response under load has an id of its own",
    spec=STREAMING,
    fix="Generate a random id (UUID) for each request, instead of deriving it from the time, a counter without a lock, or a slot.",
    applies_to=of_users,
    apis=GENERATIVE,
    good=[AS_REQUESTED, (*AS_REQUESTED, completed(1, 0, "after"))],
    bad=[(*ALONE, completed(1, id="chatcmpl-1"), completed(2, id="chatcmpl-1"))],
)
def id_of_two_responses(population: Population) -> Iterator[Finding | NotJudged]:
    """Logs, bills and stored responses are keyed by id: two responses with one id become one.

    The repetition of a request may get its id again, from a cache.
    """
    named = [s for s in population.load if s.id and s.outcome != "stopped"]
    if skip := not_loaded(population):
        yield skip
    elif not named:
        yield not_applicable("no response under load has an id")
    elif bad := [s for s in named if (s.api, s.id) in population.run.shared_ids]:
        yield counted(bad, len(named), f"have the id of another response, such as {bad[0].id!r}")
