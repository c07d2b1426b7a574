"""Shards of a matrix: what each keeps of its columns, and how shards are put together."""

from collections.abc import Sequence
from typing import Final

import msgspec

from conformance.field_support.states import State
from conformance.model.words import Api
from conformance.report.across_runs.matrix import ClientOutcome, Column
from conformance.report.document import OfficialOutcome
from conformance.report.formats.legend import Word
from conformance.report.scores import Score

FILE: Final = "matrix.json"
"""The name of the file, beside the site's index."""
FORMAT: Final = "oai-conformance-matrix/1"


class _StoredColumn(msgspec.Struct, frozen=True, kw_only=True):
    """A column, with pairs in place of mappings whose keys are pairs."""

    name: str
    file: str
    verdict: Word
    detail: str
    about: str
    scores: dict[Api, Score]
    outcomes: dict[str, ClientOutcome]
    families: dict[str, dict[str, int]]
    promises: dict[str, str] = {}
    fields: list[tuple[Api, str, State]]
    official: dict[str, OfficialOutcome] = {}
    failing: list[str]


class Shard(msgspec.Struct, frozen=True, kw_only=True):
    """One part of a matrix: all its targets in order, and the columns of those that this shard ran.

    `number` of `of` parts; `judged_by` are the selected rules in words, `tool` the version that judged.
    """

    format: str = FORMAT
    tool: str
    number: int
    of: int
    judged_by: str
    targets: tuple[str, ...]
    columns: tuple[_StoredColumn, ...]


def encode(
    columns: Sequence[Column], targets: Sequence[str], part: tuple[int, int], judged_by: str, tool: str
) -> bytes:
    """What a shard keeps of its columns, as JSON. `part` is its number, and of how many."""
    stored = tuple(_stored(column) for column in columns)
    shard = Shard(tool=tool, number=part[0], of=part[1], judged_by=judged_by, targets=tuple(targets), columns=stored)
    return msgspec.json.format(msgspec.json.encode(shard), indent=1) + b"\n"


def decode(text: bytes) -> Shard:
    """A shard from JSON. Raises ValueError."""
    found = msgspec.json.decode(text, type=Shard)
    if found.format != FORMAT:
        raise ValueError(f"its format is {found.format!r}, and this version reads {FORMAT!r}")
    return found


def merged(shards: Sequence[Shard]) -> list[Column]:
    """The columns of all shards, in the order of the targets. Raises ValueError if they are not those of one matrix."""
    first = shards[0]
    for one in shards:
        for what, mine, other in (
            ("targets", first.targets, one.targets),
            ("selected rules", first.judged_by, one.judged_by),
            ("versions of the harness", first.tool, one.tool),
            ("numbers of shards", first.of, one.of),
        ):
            if mine != other:
                raise ValueError(f"shards {first.number}/{first.of} and {one.number}/{one.of} have different {what}")
    numbers = [one.number for one in shards]
    if twice := sorted({number for number in numbers if numbers.count(number) > 1}):
        raise ValueError(f"shard {twice[0]}/{first.of} is given twice")
    if missing := sorted({*range(1, first.of + 1)} - {*numbers}):
        raise ValueError(f"shard {missing[0]}/{first.of} is missing")
    columns = {stored.name: _column(stored) for one in shards for stored in one.columns}
    return [columns[name] for name in first.targets if name in columns]


def _stored(column: Column) -> _StoredColumn:
    return _StoredColumn(
        name=column.name,
        file=column.file,
        verdict=column.verdict,
        detail=column.detail,
        about=column.about,
        scores=dict(column.scores),
        outcomes=dict(column.outcomes),
        families={name: dict(counts) for name, counts in column.families.items()},
        promises=dict(column.promises),
        fields=[(api, name, state) for (api, name), state in column.fields.items()],
        official=dict(column.official),
        failing=sorted(column.failing),
    )


def _column(stored: _StoredColumn) -> Column:
    return Column(
        name=stored.name,
        file=stored.file,
        verdict=stored.verdict,
        detail=stored.detail,
        about=stored.about,
        scores=stored.scores,
        outcomes=stored.outcomes,
        families=stored.families,
        promises=stored.promises,
        fields={(api, name): state for api, name, state in stored.fields},
        official=stored.official,
        failing=frozenset(stored.failing),
    )
