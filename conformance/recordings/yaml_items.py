"""Find the items of a cassette's sequence of interactions in YAML text, line by line, without holding the rest.

Recorders write the sequence in block style: its items begin with a dash, all in one column, and the lines of an item
are indented deeper. So an item that is not YAML does not hide the others.
"""

import re
from collections.abc import Iterable, Iterator

from conformance.recordings.json_items import MAX_ENTRY, Item

BEGINNING = re.compile(rb"['\"]?(interactions|http_interactions)['\"]?[ \t]*:(.*)", re.DOTALL)
DASH = re.compile(rb"( *)-(?:[ \t\r\n]|$)")
NEXT = re.compile(rb"['\"]?[A-Za-z_][\w-]*['\"]?[ \t]*:(?:[ \t\r\n]|$)|---(?:\s|$)|\.\.\.(?:\s|$)")
"""What follows the sequence: another key of the document, or its end."""
BLANK = re.compile(rb"[ \t]*(?:#.*)?[\r\n]*", re.DOTALL)
BOM = b"\xef\xbb\xbf"


class Splitter:
    """Splits the lines of a cassette into the texts of its items, each a YAML sequence of one.

    `found` holds the names of the sequences that were seen; a sequence in flow style is one text as a whole.
    """

    def __init__(self, most: int = MAX_ENTRY) -> None:
        self.most = most
        self.found: set[str] = set()
        self.place = ""
        self.column: bytes | None = None
        self.item = bytearray()
        self.length = 0

    def items(self, lines: Iterable[bytes]) -> Iterator[Item]:
        """The items, in order. A long line may come in several parts."""
        begins = True
        for number, line in enumerate(lines):
            if begins:
                yield from self._line(line.removeprefix(BOM) if number == 0 else line)
            else:
                self._keep(line)
            begins = line.endswith(b"\n")
        yield from self._end_of_item()

    def _line(self, line: bytes) -> Iterator[Item]:
        if self.place and (dash := DASH.match(line)) and self.column in (None, dash[1]):
            yield from self._end_of_item()
            self.column = dash[1]
        elif self.place and NEXT.match(line):
            yield from self._end_of_item()
            self.place, self.column = "", None
        if self.place:
            self._keep(line)
        elif beginning := BEGINNING.match(line):
            self.place = beginning[1].decode()
            self.found.add(self.place)
            if not BLANK.fullmatch(beginning[2]):
                self._keep(beginning[2])

    def _keep(self, line: bytes) -> None:
        if not self.place:
            return
        self.length += len(line)
        if self.length <= self.most:
            self.item += line
        else:
            self.item.clear()

    def _end_of_item(self) -> Iterator[Item]:
        text = bytes(self.item)
        if self.length > self.most:
            yield Item(self.place, b"", f"it has more than {self.most} bytes")
        elif self.column is not None or text.lstrip()[:1] not in (b"", b"#"):
            yield Item(self.place, text)
        self.item.clear()
        self.length = 0
