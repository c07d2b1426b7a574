"""jiter's partial mode, with which SDKs read the arguments of a tool call while they arrive."""

import re
from typing import Final

SPACE: Final = re.compile(r"[ \t\n\r]*")
TEXT: Final = re.compile(
    r'"(?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u(?![dD][89a-fA-F])[0-9a-fA-F]{4}'
    r"|\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2})*"
)
ESCAPE_BEGUN: Final = re.compile(r"\\(?:u[0-9a-fA-F]{0,3}|u[dD][89abAB][0-9a-fA-F]{2}(?:\\(?:u[0-9a-fA-F]{0,3})?)?)?\Z")
NUMBER: Final = re.compile(r"-?(?:0(?![0-9])|[1-9][0-9]*+)(?:\.[0-9]++|(?!\.))(?:[eE][+-]?[0-9]++|(?![eE]))")
NUMBER_BEGUN: Final = re.compile(r"-\Z|-?(?:0|[1-9][0-9]*)(?:\.[0-9]*)?(?:[eE][+-]?)?\Z")
WORDS: Final = ("true", "false", "null", "NaN", "Infinity", "-Infinity")


class _Over(Exception):  # noqa: N818 - it is no error
    """The rest does not matter: the input ends here, or the value that is open does."""


def accepts(text: str) -> bool:
    """Whether partial mode reads a text: the beginning of an object or list, or a complete value. A rest is ignored."""
    try:
        _value(text, 0)
    except _Over:
        return text[SPACE.match(text).end() :][:1] in ("{", "[")  # type: ignore[union-attr]
    except (ValueError, RecursionError):
        return False
    return True


def _value(text: str, at: int) -> int:
    """Where the value at this place ends. Raises ValueError if there is none."""
    at = _skip(text, at)
    if text[at] == "{":
        return _members(text, at + 1, "}", keyed=True)
    if text[at] == "[":
        return _members(text, at + 1, "]", keyed=False)
    if text[at] == '"':
        return _string(text, at)
    rest = text[at : at + 10]
    word = next((word for word in WORDS if rest.startswith(word) or word.startswith(rest)), "")
    if word and rest != "-":
        return _end_of(text, at, word)
    number = NUMBER.match(text, at)
    if number:
        return number.end()
    if NUMBER_BEGUN.match(text, at):
        raise _Over
    raise ValueError(at)


def _end_of(text: str, at: int, word: str) -> int:
    if len(text) - at < len(word):
        raise _Over
    return at + len(word)


def _members(text: str, at: int, end: str, *, keyed: bool) -> int:
    """The end of an object or list whose opening bracket is before this place."""
    at = _skip(text, at)
    if text[at] == end:
        return at + 1
    while True:
        if keyed:
            at = _skip(text, _string(text, _skip(text, at)))
            if text[at] != ":":
                raise ValueError(at)
            at += 1
        at = _skip(text, _value(text, at))
        if text[at] == end:
            return at + 1
        if text[at] != ",":
            raise _Over
        at += 1


def _string(text: str, at: int) -> int:
    found = TEXT.match(text, at)
    if not found:
        raise ValueError(at)
    at = found.end()
    if at == len(text) or ESCAPE_BEGUN.match(text, at):
        raise _Over
    if text[at] != '"':
        raise ValueError(at)
    return at + 1


def _skip(text: str, at: int) -> int:
    """The next place that is not white space. Raises _Over at the end."""
    found = SPACE.match(text, at)
    at = found.end() if found else at
    if at == len(text):
        raise _Over
    return at
