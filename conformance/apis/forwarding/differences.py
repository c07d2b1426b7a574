"""How two request bodies differ: the one that a client sent, and the one that arrived upstream. Pure."""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple

from conformance.parsing.json_exact import ABSENT, Number, aligned, digits, ordered, same_number, unordered

Path = tuple[str | int, ...]
TEXT_PARTS: Final = ("text", "input_text", "output_text")
JOINTS: Final = ("", "\n", "\n\n", " ")
"""What gateways join text parts with."""
TYPE_AND_TEXT: Final = ("type", "text")


class Change(StrEnum):
    """How a value differs. `reshaped`: the same text as a list of one, or the reverse; `moved`: items in another order;
    `reordered`: the members of a JSON Schema's `properties` in another order.
    """

    CHANGED = "changed"
    DROPPED = "dropped"
    ADDED = "added"
    RESHAPED = "reshaped"
    MOVED = "moved"
    REORDERED = "reordered"


class Difference(NamedTuple):
    """One difference; `within` are the types of the objects that the path leads through, the value's own included."""

    path: Path
    change: Change
    sent: Any
    arrived: Any
    within: tuple[str, ...] = ()


def differences(sent: Any, arrived: Any, path: Path = (), within: tuple[str, ...] = ()) -> Iterator[Difference]:
    """The differences between two values, as near to the leaves as both sides have a counterpart."""
    within = (*within, *_types(sent), *_types(arrived))
    if sent == arrived:
        yield from _reordered(sent, arrived, path)
    elif isinstance(sent, dict) and isinstance(arrived, dict):
        yield from _of_objects(sent, arrived, path, within)
    elif isinstance(sent, list) and isinstance(arrived, list):
        yield from _of_lists(sent, arrived, path, within)
    elif isinstance(sent, str | list) and isinstance(arrived, str | list) and type(sent) is not type(arrived):
        yield from _of_shapes(sent, arrived, path, within)
    elif not (isinstance(sent, Number) and isinstance(arrived, Number) and same_number(sent, arrived)):
        yield Difference(path, Change.CHANGED, sent, arrived, within)


def _types(value: Any) -> tuple[str, ...]:
    found = value.get("type") if isinstance(value, dict) else None
    return (found,) if isinstance(found, str) else ()


def _of_objects(sent: Any, arrived: Any, path: Path, within: tuple[str, ...]) -> Iterator[Difference]:
    for name, value in sent.items():
        if name in arrived:
            yield from differences(value, arrived[name], (*path, name), within)
        else:
            yield Difference((*path, name), Change.DROPPED, value, ABSENT, (*within, *_types(value)))
    for name in arrived:
        if name not in sent:
            value = arrived[name]
            yield Difference((*path, name), Change.ADDED, ABSENT, value, (*within, *_types(value)))
    yield from _of_order(sent, arrived, path)


def _of_lists(sent: list[Any], arrived: list[Any], path: Path, within: tuple[str, ...]) -> Iterator[Difference]:
    if arrived == [sent] or sent == [arrived]:  # token IDs, as the only ones of a batch
        yield Difference(path, Change.RESHAPED, sent, arrived, within)
        return
    is_same_length = len(sent) == len(arrived)
    if is_same_length and sorted(map(unordered, sent)) == sorted(map(unordered, arrived)):
        yield Difference(path, Change.MOVED, sent, arrived, within)
        return
    for left, right in aligned(sent, arrived):
        if right is None and left is not None:
            item = sent[left]
            yield Difference((*path, left), Change.DROPPED, item, ABSENT, (*within, *_types(item)))
        elif left is None and right is not None:
            item = arrived[right]
            yield Difference((*path, right), Change.ADDED, ABSENT, item, (*within, *_types(item)))
        elif left is not None and right is not None:
            yield from differences(sent[left], arrived[right], (*path, left), within)


def _of_shapes(
    sent: str | list[Any], arrived: str | list[Any], path: Path, within: tuple[str, ...]
) -> Iterator[Difference]:
    """A text in place of a list, or the reverse, compared as texts; what only the list had is dropped or added."""
    texts = plain_texts(sent), plain_texts(arrived)
    if texts[0] is None or texts[1] is None:
        yield from _of_mixed(sent, arrived, path, within)
        return
    yield Difference(path, Change.RESHAPED, sent, arrived, within)
    one, other = "".join(texts[0]), "".join(texts[1])
    if not any(joint.join(texts[0]) == joint.join(texts[1]) for joint in JOINTS):
        yield Difference(path, Change.CHANGED, one, other, within)
    for change, value in ((Change.DROPPED, sent), (Change.ADDED, arrived)):
        for at, item in enumerate(value if isinstance(value, list) else ()):
            for name in item if isinstance(item, dict) and item.get("type") in TEXT_PARTS else ():
                if name not in TYPE_AND_TEXT:
                    lost, new = (item[name], ABSENT) if change is Change.DROPPED else (ABSENT, item[name])
                    yield Difference((*path, at, name), change, lost, new, within)


def _of_mixed(
    sent: str | list[Any], arrived: str | list[Any], path: Path, within: tuple[str, ...]
) -> Iterator[Difference]:
    """A list with more than text in place of a text, or the reverse."""
    if isinstance(arrived, str) and isinstance(sent, list) and arrived:
        lost = [at for at, item in enumerate(sent) if plain_texts([item]) is None]
        kept = [item for at, item in enumerate(sent) if at not in lost]
        for at in lost:
            yield Difference((*path, at), Change.DROPPED, sent[at], ABSENT, (*within, *_types(sent[at])))
        if kept:
            yield from _of_shapes(kept, arrived, path, within)
            return
    yield Difference(path, Change.CHANGED, sent, arrived, within)


def plain_texts(value: Any) -> list[str] | None:
    """The texts of a text, of a list of texts or text parts, or of one user message with such content; else None."""
    if isinstance(value, str):
        return [value]
    if not isinstance(value, list) or not value:
        return None
    if len(value) == 1 and isinstance(value[0], dict) and value[0].get("role") == "user":
        return plain_texts(value[0].get("content"))
    found: list[str] = []
    for item in value:
        text = item.get("text") if isinstance(item, dict) and item.get("type") in TEXT_PARTS else item
        if not isinstance(text, str):
            return None
        found.append(text)
    return found


def _reordered(sent: Any, arrived: Any, path: Path) -> Iterator[Difference]:
    """Where equal values have the members of `properties` in another order."""
    if isinstance(sent, dict):
        if list(sent) != list(arrived) or ordered(sent) != ordered(arrived):
            yield from _of_order(sent, arrived, path)
            for name, value in sent.items():
                yield from _reordered(value, arrived[name], (*path, name))
    elif isinstance(sent, list):
        for at, (one, other) in enumerate(zip(sent, arrived, strict=True)):
            yield from _reordered(one, other, (*path, at))


def _of_order(sent: Any, arrived: Any, path: Path) -> Iterator[Difference]:
    if path and path[-1] == "properties":
        before, after = ([name for name in one if name in other] for one, other in ((sent, arrived), (arrived, sent)))
        if before != after:
            yield Difference(path, Change.REORDERED, before, after)


def quoted(value: Any, most: int = 60) -> str:
    """A value for a sentence: JSON in ASCII, shortened."""
    if value is ABSENT:
        return "nothing"
    text = digits(value)
    return text if len(text) <= most else f"{text[: most - 3]}..."


def how_changed(sent: Any, arrived: Any) -> str:
    """How a value changed, as a clause; of long texts, what is around the first difference."""
    if isinstance(sent, str) and isinstance(arrived, str) and max(len(sent), len(arrived)) > 40:
        at = next(
            (at for at, (a, b) in enumerate(zip(sent, arrived, strict=False)) if a != b), min(len(sent), len(arrived))
        )
        start = max(0, at - 8)
        ends = quoted(sent[start : at + 16]), quoted(arrived[start : at + 16])
        return f"differs from character {at} on: {ends[0]} arrived as {ends[1]}"
    return f"was {quoted(sent)}, and arrived as {quoted(arrived)}"
