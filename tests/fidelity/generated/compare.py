"""Compare real clients with their models on generated replies, and make what they disagree about small."""

from dataclasses import dataclass, replace
from email.utils import formatdate
from itertools import islice

from observed import compared, simulated

from conformance.model.words import CONVERSATIONAL

from .draft import Draft, played
from .example import Example, example, fewer_edits, size, smaller
from .play import play

BATCH = 800
CANDIDATES = 96
ROUNDS = 40


@dataclass(frozen=True)
class Surface:
    """One client as its driver names it."""

    name: str
    client: str
    api: str
    modes: tuple[str, ...]
    replies: str


@dataclass(frozen=True)
class Comparison:
    """One reply: (outcome, requests) as a real client did, and as predicted. `fact` is what the client did."""

    client: str
    made: Example
    draft: Draft
    seen: tuple
    predicted: tuple
    fact: dict
    exchange: object = None
    uncertain: bool = False
    number: int = -1

    @property
    def agrees(self):
        """Whether the prediction is right."""
        return self.seen == self.predicted

    @property
    def cause(self):
        """What differs, and how the client's exception begins."""
        return self.seen, self.predicted, self.uncertain, (self.fact["error"] or "")[:45]

    @property
    def difference(self):
        """What differs: `exception/1 -> text/1`."""
        return " -> ".join("/".join(map(str, pair)) for pair in (self.seen, self.predicted))


def surfaces(environment):
    """The clients of an environment whose APIs have messages: replies of the others are not generated."""
    found = (Surface(name, *told, environment.replies) for name, told in environment.surfaces.items())
    return [surface for surface in found if surface.api in CONVERSATIONAL]


def comparisons(server, running, surface, seed, count):
    """The comparisons of examples 0 to `count`, batch by batch."""
    for at in range(0, count, BATCH):
        numbers = range(at, min(at + BATCH, count))
        made = [example(surface.api, surface.modes, seed, number, surface.replies) for number in numbers]
        found = compare(server, running, surface, [(one, one.draft) for one in made])
        yield [replace(one, number=number) for one, number in zip(found, numbers, strict=True)]


def compare(server, running, surface, pairs):
    """The comparison of each (example, draft); what may differ by chance is played again, with more patience."""
    now = formatdate(usegmt=True)
    patient, held_s = running.confirmed_after_s, 1.5 * running.confirmed_after_s
    tasks = [(made.mode, played(draft, now, held_s)) for made, draft in pairs]
    every = play(server, running, surface, tasks, running.patience_s)
    found = [_compared(surface, *pair, seen) for pair, seen in zip(pairs, every, strict=True)]
    late = [at for at, one in enumerate(found) if _is_doubtful(one)]
    again = play(server, running, surface, [tasks[at] for at in late], patient) if late else []
    for at, seen in zip(late, again, strict=True):
        found[at] = _compared(surface, *pairs[at], seen)
    return found


def _is_doubtful(one):
    """Whether a difference may be chance: a busy machine, or a request on a connection that was just closed."""
    return not one.agrees and (one.seen[0] in ("hang", "not asked") or one.seen[0] == one.predicted[0])


def _compared(surface, made, draft, seen):
    fact = {name: seen.said[name] for name in ("text", "tools", "error")} | {"requests": seen.requests}
    if seen.first is None:
        return Comparison(surface.client, made, draft, ("not asked", 0), ("", 0), fact)
    simulation = simulated(surface.client, seen.first)
    observed, predicted = compared(fact, simulation)
    return Comparison(surface.client, made, draft, observed, predicted, fact, seen.first, simulation.uncertain)


def shrunk(server, running, surface, found, *, rounds=ROUNDS):
    """The smallest comparison that shows the same difference: first with fewer edits, then in less bytes."""

    def still(pairs):
        every = compare(server, running, surface, pairs) if pairs else []
        return [one for one in every if one.cause == found.cause]

    while simpler := still([(made, made.draft) for made in fewer_edits(found.made) if made.edits]):
        found = replace(simpler[0], number=found.number)
    tried = set()
    for _ in range(0 if found.draft.end == "hold" else rounds):  # each one of these would take seconds
        candidates = (draft for draft in smaller(found.draft) if draft not in tried and size(draft) < size(found.draft))
        pairs = [(found.made, draft) for draft in islice(candidates, CANDIDATES)]
        tried |= {draft for _, draft in pairs}
        if not pairs:
            break
        kept = still(pairs)
        if kept:
            found = replace(min(kept, key=lambda one: size(one.draft)), number=found.number)
    return found
