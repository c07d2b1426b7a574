"""jiter, the JSON reader of Pydantic and the SDKs: a complete text, and the value of one that still grows."""

import contextlib
import json
import re
from typing import Any, Final

from conformance.clients.validators import LONE_SURROGATE, has_surrogates

SPACE: Final = re.compile(r"[ \t\r\n]*")
NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
GROWING_NUMBER: Final = re.compile(r"-?((0|[1-9][0-9]*)(\.[0-9]*)?([eE][+-]?)?)?")
PLAIN: Final = re.compile(r'[^"\\\x00-\x1f]*')
HIGH: Final = r"u[dD][89abAB][0-9a-fA-F]{2}"
ESCAPE: Final = re.compile(
    rf'\\(?:["\\/bfnrt]|{HIGH}\\u[dD][c-fC-F][0-9a-fA-F]{{2}}|u(?![dD][89a-fA-F])[0-9a-fA-F]{{4}})'
)
GROWING_ESCAPE: Final = re.compile(rf"\\(u[0-9a-fA-F]{{0,3}}|{HIGH}(\\(u[0-9a-fA-F]{{0,3}})?)?)?")
WORDS: Final = {"true": True, "false": False, "null": None, "NaN": float("nan"), "Infinity": float("inf")}


class _End(Exception):  # noqa: N818 - the text ends, which is no error
    pass


def complete(text: str) -> Any:
    """The value of a complete text. Raises ValueError."""
    value = json.loads(text)
    if LONE_SURROGATE.search(text) or has_surrogates(value):
        raise ValueError("lone surrogate")
    return value


def is_complete(text: str) -> bool:
    """Whether a text is complete JSON."""
    try:
        complete(text)
    except (ValueError, RecursionError):
        return False
    return True


def accepts(text: str) -> bool:
    """Whether partial mode reads a text: the beginning of an object or list, or a complete value. A rest is ignored."""
    try:
        partial(text, trailing_strings=False)
    except (ValueError, RecursionError):
        return False
    return True


def partial(text: str, *, trailing_strings: bool = True) -> Any:
    """The value so far, without what is not finished in it; with `trailing_strings` an unfinished string counts.

    What follows the value is ignored. Raises ValueError if the text can't be the beginning of one.
    """
    try:
        return _Reader(text, trailing_strings=trailing_strings).value()
    except _End:
        raise ValueError("EOF while parsing a value") from None


class _Reader:
    def __init__(self, text: str, *, trailing_strings: bool) -> None:
        self.text, self.at, self.trailing_strings = text, 0, trailing_strings

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self.text, self.at)
        self.at = found.end() if found else self.at

    def _peek(self) -> str:
        """The next character that is no space. Raises _End."""
        self._skip(SPACE)
        if self.at == len(self.text):
            raise _End
        return self.text[self.at]

    def value(self) -> Any:
        """Read a value. Raises _End if it is not complete, and not a string, list or object."""
        first = self._peek()
        if first in "{[":
            self.at += 1
            made: Any = {} if first == "{" else []
            with contextlib.suppress(_End):
                self._members(made)
            return made
        if first == '"':
            self.at += 1
            return self._string(may_be_cut=self.trailing_strings)
        return self._number() if first in "-0123456789" else self._word("")

    def _members(self, made: Any) -> None:
        """Read members or entries up to the end; anything but a comma after one of them ends it, too."""
        closing = "}" if isinstance(made, dict) else "]"
        if self._peek() == closing:
            self.at += 1
            return
        while True:
            if isinstance(made, dict):
                key = self._key()
                made[key] = self.value()
            else:
                made.append(self.value())
            following = self._peek()
            if following != ",":
                self.at += following == closing
                return
            self.at += 1
            if self._peek() == closing:
                raise ValueError("trailing comma")

    def _key(self) -> str:
        if self._peek() != '"':
            raise ValueError("key must be a string")
        self.at += 1
        key = self._string(may_be_cut=False)
        if self._peek() != ":":
            raise ValueError("expected `:`")
        self.at += 1
        return key

    def _string(self, *, may_be_cut: bool) -> str:
        """Read a string after its quote. Raises _End for one that is not complete, unless it may be."""
        began = self.at
        while True:
            self._skip(PLAIN)
            rest = self.text[self.at : self.at + 1]
            if rest == '"':
                self.at += 1
                return str(json.loads(self.text[began - 1 : self.at]))
            escaped = ESCAPE.match(self.text, self.at)
            if escaped:
                self.at = escaped.end()
            elif GROWING_ESCAPE.fullmatch(self.text, self.at) or not rest:
                if not may_be_cut:
                    raise _End
                read, self.at = self.at, len(self.text)
                return str(json.loads(self.text[began - 1 : read] + '"'))
            else:
                raise ValueError("invalid escape or control character")

    def _number(self) -> Any:
        if self.text.startswith("-I", self.at):
            return -self._word("-")
        found = NUMBER.match(self.text, self.at)
        end = found.end() if found else self.at
        if GROWING_NUMBER.fullmatch(self.text, self.at) and end < len(self.text):
            raise _End
        if not found or self.text[end : end + 1] in tuple("0123456789.eE"):
            raise ValueError("invalid number")
        self.at = end
        return float(found[0]) if found[2] or found[3] else int(found[0])

    def _word(self, sign: str) -> Any:
        rest = self.text[self.at + len(sign) :]
        for word, value in WORDS.items():
            if rest.startswith(word):
                self.at += len(sign + word)
                return value
            if word.startswith(rest):
                raise _End
        raise ValueError("expected value")
