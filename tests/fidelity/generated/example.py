"""An example: one base reply and one to three edits, a function of seed and number; and what is smaller than it."""

from copy import deepcopy
from dataclasses import dataclass, replace
from random import Random

from . import edit_content, edit_http, edit_json, edit_lines  # noqa: F401 - they register their edits
from .draft import Draft, base
from .edit_json import parent, places, split, to_text
from .edits import EDITS, KINDS, Kind

SCRIPTS = ("text",) * 8 + ("tools",) * 8 + ("usage", "refused", "other-mode")
COUNTS = (1, 1, 1, 2, 2, 3)
TRIES = 20
MEMBERS = 60


@dataclass(frozen=True)
class Edit:
    """One edit: its kind, and the seed of its own random numbers, so that removing another edit does not change it."""

    kind: Kind
    seed: int


@dataclass(frozen=True)
class Example:
    """One generated reply: what is edited, and how."""

    api: str
    mode: str
    script: str
    edits: tuple[Edit, ...]

    @property
    def draft(self) -> Draft:
        """The reply."""
        draft = base(self.api, self.mode, self.script)
        for edit in self.edits:
            draft = EDITS[edit.kind](draft, Random(edit.seed))
        return draft

    @property
    def kinds(self):
        """The kinds of its edits."""
        return tuple(edit.kind for edit in self.edits)


def example(api, modes, seed, number):
    """The example of this number: always the same for the same arguments."""
    random = Random(f"{api} {seed} {number}")
    made = Example(api, random.choice(modes), random.choice(SCRIPTS), ())
    draft = made.draft
    wanted = random.choice(COUNTS)
    for _ in range(TRIES):
        edit = Edit(random.choice(KINDS), random.getrandbits(32))
        changed = EDITS[edit.kind](draft, Random(edit.seed))
        if changed != draft:
            made, draft = replace(made, edits=(*made.edits, edit)), changed
        if len(made.edits) == wanted:
            break
    return made


def fewer_edits(made):
    """The examples with one edit less."""
    return [replace(made, edits=(*made.edits[:at], *made.edits[at + 1 :])) for at in range(len(made.edits))]


def smaller(draft):
    """Drafts that are a little smaller: without some parts, without a header, with an ordinary framing."""
    step = max(1, len(draft.parts) // 2)
    while step:
        for at in range(0, len(draft.parts), step):
            if len(draft.parts) > step or draft.parts[at]:
                yield replace(draft, parts=(*draft.parts[:at], *draft.parts[at + step :]))
        step //= 2
    yield from _with_less_json(draft)
    for name, _ in draft.headers:
        yield draft.with_header(name, None)
    if draft.coding:
        yield replace(draft, coding="").with_header("content-encoding", None)
    if draft.framing == "chunked":
        yield replace(draft, framing="length")
    if draft.cut is not None:
        yield replace(draft, cut=None, end="clean")


def _with_less_json(draft):
    """Drafts without one member, or one entry, of a JSON value."""
    for at, part in enumerate(draft.parts):
        if found := split(part):
            before, value, after = found
            for path in sorted(places(value), key=len)[:MEMBERS]:
                less = deepcopy(value)
                del parent(less, path)[path[-1]]
                yield draft.with_part(at, before + to_text(less) + after)


def size(draft):
    """How much there is to read."""
    return sum(map(len, draft.parts)) + sum(len(name) + len(value) for name, value in draft.headers), len(draft.parts)
