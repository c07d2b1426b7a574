"""Find the elements of an array inside a large JSON text, without holding or parsing the rest."""

import re
from collections.abc import Collection, Generator, Iterable, Iterator
from typing import Final, NamedTuple

MAX_ENTRY: Final = 64 * 1024 * 1024
"""Bytes of one entry that are kept."""
LONGEST_NAME = 64
"""Bytes of a member's name that are compared."""

STRUCTURE = re.compile(rb'["{}\[\]:,]')
ELEMENT = re.compile(rb'["{}\[\],]')
NESTED = re.compile(rb'(?:[^"{}\[\]]++|"[^"\\]*+(?:\\.[^"\\]*+)*+")*+', re.DOTALL)
"""Everything up to the next bracket outside a string, or up to a string that does not end in these bytes."""
STRING = re.compile(rb'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
"""The rest of a string, up to its closing quote."""


class Item(NamedTuple):
    """One element of the array at `place`: its text, or why there is none."""

    place: str
    text: bytes
    fault: str = ""


class Scanner:
    """Scans a JSON text, chunk by chunk, for the elements of the arrays at some places: "log.entries", "interactions".

    Only brackets, strings and the names of the two outer levels are read, so that neither depth nor length costs
    memory: one entry is kept, up to `most` bytes. `found` holds the places that were seen.
    """

    def __init__(self, places: Collection[str], most: int = MAX_ENTRY) -> None:
        self.places, self.most = places, most
        self.found: set[str] = set()
        self.place = ""
        self.names: list[str] = []
        self.name = b""
        self.word = bytearray()
        self.in_string = False
        self.depth = 0
        self.element = bytearray()
        self.length = 0

    def items(self, chunks: Iterable[bytes]) -> Iterator[Item]:
        """The elements, in order; the last one has a fault if the text ends inside the array."""
        rest = b""
        for chunk in chunks:
            data, at = rest + chunk, 0
            rest = data[-1:] if _ends_in_escape(data) else b""
            data = data[: len(data) - len(rest)]
            while at < len(data):
                at = yield from self._step(data, at)
        if self.place:
            yield Item(self.place, b"", f"the file ends inside this entry, or before the end of {self.place}")

    def _step(self, data: bytes, at: int) -> Generator[Item, None, int]:
        """Read on from `at` to the next structural character, and return the offset after it."""
        if self.in_string:
            stop = STRING.match(data, at).end()  # type: ignore[union-attr]  # matches everywhere
            self._keep(data[at : stop + 1])
            self.in_string = stop >= len(data)
            return stop + 1
        if self.depth:
            stop = NESTED.match(data, at).end()  # type: ignore[union-attr]
        else:
            found = (ELEMENT if self.place else STRUCTURE).search(data, at)
            stop = found.start() if found else len(data)
        self._keep(data[at:stop])
        if stop < len(data):
            yield from self._character(data[stop : stop + 1])
        return stop + 1

    def _keep(self, piece: bytes) -> None:
        """Keep bytes of the element, within its bound, or of a name outside the array."""
        if self.place:
            self.length += len(piece)
            if self.length <= self.most:
                self.element += piece
            else:
                self.element.clear()
        elif self.in_string and len(self.word) < LONGEST_NAME:
            self.word += piece[:LONGEST_NAME]

    def _character(self, character: bytes) -> Iterator[Item]:
        """Take note of one structural character."""
        if character == b'"':
            self.in_string = True
            self.word.clear()
            self._keep(character)
        elif self.depth or (self.place and character in b"{["):
            self.depth += 1 if character in b"{[" else -1
            self._keep(character)
        elif self.place:
            yield from self._end_of_element(character)
        else:
            self._outside(character)

    def _end_of_element(self, character: bytes) -> Iterator[Item]:
        element = bytes(self.element).strip()
        if self.length > self.most:
            yield Item(self.place, b"", f"it has more than {self.most} bytes")
        elif element or character == b",":
            yield Item(self.place, element)
        self.element.clear()
        self.length = 0
        if character != b",":
            self.place = ""

    def _outside(self, character: bytes) -> None:
        """Follow the names of the two outer levels; what is deeper is skipped."""
        if character == b":":
            self.name = bytes(self.word).strip(b'"')
            return
        if character in b"{[":
            place = ".".join([*self.names[1:], self.name.decode("latin-1")])
            if character == b"[" and place in self.places and self.names:
                self.place = place
                self.found.add(place)
            elif len(self.names) == 2:
                self.depth = 1
            else:
                self.names.append(self.name.decode("latin-1"))
        elif character in b"}]" and self.names:
            self.names.pop()
        self.name = b""


def _ends_in_escape(data: bytes) -> bool:
    """Whether the last byte is a backslash whose escaped character is in the next chunk."""
    return (len(data) - len(data.rstrip(b"\\"))) % 2 == 1
