"""Edits of an event stream's lines and events."""

import re
from dataclasses import replace

from .edits import edit

LINE = re.compile(rb"[^\r\n]*(?:\r\n|\r|\n|\Z)")
BOM = b"\xef\xbb\xbf"
FIELDS = (
    b": still there\n", b":\n", b"retry: 3000\n", b"retry: soon\n", b"id: 7\n", b"id:\n", b"id\n", b"id: a\0b\n",
    b"x-news: 1\n", b"data\n", b"data:\n", b" data: 1\n", b"Data: 1\n", b"event:\n", b"event\n", b"event: ping\n",
    b"nothing\n",
)  # fmt: skip
NAMES = (b"", b"message", b"error", b"ping", b"message_start", b"content_block_delta", b"completion", b"thread.x", b"x")


def lines_of(part):
    """The lines of a part, each with its end."""
    return [line for line in LINE.findall(part) if line]


def some_part(draft, random):
    """The place of a part, or None."""
    return random.randrange(len(draft.parts)) if draft.parts else None


def _relined(change):
    def edited(draft, random):
        at = some_part(draft, random)
        lines = lines_of(draft.parts[at]) if at is not None else []
        return draft.with_part(at, b"".join(change(lines, random))) if lines else draft

    return edited


@edit("line-removed")
@_relined
def line_removed(lines, random):
    at = random.randrange(len(lines))
    return [*lines[:at], *lines[at + 1 :]]


@edit("line-duplicated")
@_relined
def line_duplicated(lines, random):
    at = random.randrange(len(lines))
    return [*lines[:at], lines[at], *lines[at:]]


@edit("line-moved")
def line_moved(draft, random):
    lines = [line for part in draft.parts for line in lines_of(part)]
    if len(lines) < 2:
        return draft
    moved = lines.pop(random.randrange(len(lines)))
    lines.insert(random.randrange(len(lines) + 1), moved)
    return replace(draft, parts=tuple(lines))


@edit("line-ends")
def line_ends(draft, random):
    """Other line ends: the same everywhere, mixed, or in one part only."""
    how = random.choice(("\r", "\r\n", "mixed", "part"))
    ends = (b"\r", b"\n", b"\r\n")

    def ended(part, end=None):
        return b"".join(
            line.rstrip(b"\r\n") + (end or random.choice(ends)) if line[-1:] in b"\r\n" else line
            for line in lines_of(part)
        )

    if how == "part":
        at = some_part(draft, random)
        return draft if at is None else draft.with_part(at, ended(draft.parts[at], random.choice((b"\r", b"\r\n"))))
    return replace(draft, parts=tuple(ended(part, None if how == "mixed" else how.encode()) for part in draft.parts))


@edit("blank-line")
def blank_line(draft, random):
    """A blank line more or less, anywhere."""
    at = some_part(draft, random)
    lines = lines_of(draft.parts[at]) if at is not None else []
    blank = [number for number, line in enumerate(lines) if not line.strip(b"\r\n")]
    if blank and random.random() < 0.5:
        del lines[random.choice(blank)]
    elif lines:
        lines.insert(random.randrange(len(lines) + 1), random.choice((b"\n", b"\r\n", b"\r", b" \n")))
    return draft.with_part(at, b"".join(lines)) if lines else draft


@edit("field")
@_relined
def field(lines, random):
    """A field more, a comment more, or a field written otherwise."""
    at = random.randrange(len(lines))
    how = random.choice(("insert", "insert", "space", "spaces", "colon", "case"))
    if how == "insert":
        return [*lines[:at], random.choice(FIELDS), *lines[at:]]
    name, colon, value = lines[at].partition(b":")
    written = {
        "space": name + colon + value.lstrip(),
        "spaces": name + colon + b"  " + value,
        "colon": name + b" " + colon + value,
        "case": name.upper() + colon + value,
    }[how]
    return [*lines[:at], written, *lines[at + 1 :]] if colon else lines


@edit("bom")
def bom(draft, random):
    at = random.choice((0, some_part(draft, random)))
    return draft if at is None or not draft.parts else draft.with_part(at, BOM + draft.parts[at])


@edit("event-name")
@_relined
def event_name(lines, random):
    """Another event name, none, or one where there was none."""
    kept = [line for line in lines if not line.startswith(b"event:")]
    name = random.choice(NAMES)
    return [b"event: " + name + b"\n", *kept] if name else kept


@edit("event-removed")
def event_removed(draft, random):
    at = some_part(draft, random)
    if at is None:
        return draft
    upto = at + random.choice((1, 1, 1, 2, 4))
    return replace(draft, parts=(*draft.parts[:at], *draft.parts[upto:]))


@edit("event-duplicated")
def event_duplicated(draft, random):
    at = some_part(draft, random)
    return draft if at is None else replace(draft, parts=(*draft.parts[:at], draft.parts[at], *draft.parts[at:]))


@edit("event-moved")
def event_moved(draft, random):
    if len(draft.parts) < 2:
        return draft
    parts = list(draft.parts)
    moved = parts.pop(random.randrange(len(parts)))
    parts.insert(random.randrange(len(parts) + 1), moved)
    return replace(draft, parts=tuple(parts))


@edit("message-end")
def message_end(draft, random):
    """One of the last three events is missing: a finish reason, an end of a block or message, the end marker."""
    if not draft.streams or len(draft.parts) < 4:
        return draft
    at = len(draft.parts) - random.choice((1, 2, 3))
    return replace(draft, parts=(*draft.parts[:at], *draft.parts[at + 1 :]))


@edit("unterminated")
def unterminated(draft, random):
    """The last event without its blank line, or without any line end."""
    if not draft.parts:
        return draft
    last = draft.parts[-1].rstrip(b"\r\n")
    return draft.with_part(len(draft.parts) - 1, last + random.choice((b"", b"\n", b"\r")))
