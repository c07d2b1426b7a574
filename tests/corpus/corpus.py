"""Read a corpus of recorded exchanges: gzipped lines of JSON, one exchange each, from the cassettes of test suites."""

import gzip
import json
from collections.abc import Iterator

from conformance.recordings.bodies import encoded
from conformance.recordings.build import Reader, entry_of, skipped
from conformance.recordings.entry import Entry, Skipped
from conformance.recordings.members import needed, number, text
from conformance.recordings.message import Received, Sent


def lines(path) -> Iterator[str]:
    """The lines of the corpus."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        yield from file


def read_line(line: str, source: str = "") -> Entry | Skipped:
    """The exchange of one line, or why it has none."""
    try:
        value = json.loads(line)
    except ValueError as error:
        return skipped(source, "damaged", str(error))
    return entry_of(value, CORPUS, source)


def _sent(entry) -> Sent:
    return Sent(
        method="POST",
        url=f"https://{needed(entry, 'host')}{needed(entry, 'path')}",
        fields=_fields(entry, "request_headers"),
        body=encoded(text(entry, "request_body")).content,
    )


def _received(entry) -> Received:
    return Received(
        status=number(entry, "status"),
        reason="",
        fields=_fields(entry, "response_headers"),
        body=encoded(text(entry, "response_body")).content,
        exact=not entry.get("response_reserialised"),
    )


def _fields(entry, name: str):
    return tuple((field, value) for field, values in entry.get(name, {}).items() for value in values)


CORPUS = Reader(_sent, _received, lambda _: "", filters=True)
