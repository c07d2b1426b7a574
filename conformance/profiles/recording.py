"""The recorded requests of the frameworks: one JSON file each, written by `make capture`, read by the catalogue.

A recording keeps headers and fields in their order, names, types, values and sizes. Of the framework's own texts only
the length is kept, as `{prose:LENGTH}`; reading it puts filler text of that length there.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from conformance.model.profile import Body, Profile, RecordedRequest
from conformance.model.words import MODES, Api, Mode
from conformance.profiles.prose import fill

FOLDER: Final = Path(__file__).parent
WIDTH: Final = 112
PROSE: Final = re.compile(r"\{prose:([0-9]+)\}")
FILLER_OPENINGS: Final = {
    "system": "You are an agent that acts for one user.",
    "user": "This is where you are.",
}


class Sent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One request as stored: headers in order, and a body with lengths instead of prose."""

    headers: dict[str, str]
    body: Body


class Recording(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A profile as stored; the fields mean the same as in `Profile`. `stream` is None if it never streams."""

    name: str
    title: str
    api: Api
    packages: dict[str, str]
    captured: str
    streams_by_default: bool
    framework: bool = True
    query: str = ""
    stream: Sent | None = None
    unary: Sent


def recorded() -> Iterator[Profile]:
    """The profiles of all recordings. Raises ValueError for an invalid file, naming it and the field."""
    for path in sorted(FOLDER.glob("*.json")):
        for recording in read(path):
            yield _profile(recording)


def read(path: Path) -> tuple[Recording, ...]:
    """The recordings in a file, one per API. Raises ValueError for an invalid file, naming it and the field."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[Recording, ...])
    except msgspec.DecodeError as error:
        raise ValueError(f"{path.name}: {error}; `make capture` rewrites it") from None


def write(path: Path, recordings: tuple[Recording, ...]) -> None:
    """Write recordings to a file, formatted so that a diff shows only the changed lines."""
    stored = [
        {name: value for name, value in recording.items() if value is not None}
        for recording in msgspec.to_builtins(recordings)
    ]
    path.write_text(_text(stored) + "\n")


def _profile(recording: Recording) -> Profile:
    sent: dict[Mode, Sent] = {mode: kept for mode in MODES if (kept := getattr(recording, mode))}
    return Profile(
        name=recording.name,
        title=recording.title,
        api=recording.api,
        packages=tuple(recording.packages.items()),
        captured=recording.captured,
        streams_by_default=recording.streams_by_default,
        framework=recording.framework,
        query=recording.query,
        requests={mode: RecordedRequest(tuple(s.headers.items()), with_filler(s.body)) for mode, s in sent.items()},
    )


def with_filler(value: Any, about: str = FILLER_OPENINGS["system"]) -> Any:
    """A recorded value with filler text for each stored length; `about` is the text's first sentence."""
    if isinstance(value, dict):
        about = _about(value) or about
        return {name: with_filler(item, about if name in TEXTS else _words(name)) for name, item in value.items()}
    if isinstance(value, list):
        return [with_filler(item, about) for item in value]
    if isinstance(value, str) and (prose := PROSE.fullmatch(value)):
        size = int(prose[1])
        return fill(about[:size], size)
    return value


TEXTS: Final = ("description", "content", "text", "system", "function", "instructions")
"""The fields that have prose, or an object whose prose is about the neighbouring fields."""


def _about(holder: dict[str, Any]) -> str:
    role, name = holder.get("role"), holder.get("name")
    if isinstance(role, str) and role in FILLER_OPENINGS:
        return FILLER_OPENINGS[role]
    return _words(name) if isinstance(name, str) else ""


def _words(name: str) -> str:
    return name.replace("_", " ").capitalize() + "."


def _text(value: Any, indent: int = 0) -> str:
    """JSON with as much on a line as fits in WIDTH."""
    line = json.dumps(value, ensure_ascii=False)
    if indent + len(line) <= WIDTH or not (value and isinstance(value, (dict, list, tuple))):
        return line
    inner = indent + 1
    if isinstance(value, dict):
        parts = [f"{json.dumps(name)}: {_text(item, inner)}" for name, item in value.items()]
    else:
        parts = [_text(item, inner) for item in value]
    opening, closing = "{}" if isinstance(value, dict) else "[]"
    blank = "\n" + " " * inner
    return f"{opening}{blank}{f',{blank}'.join(parts)}\n{' ' * indent}{closing}"
