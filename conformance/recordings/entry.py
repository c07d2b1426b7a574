"""What a recording holds, entry by entry."""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from conformance.model.exchange import Exchange

Why = Literal["damaged", "other-path", "no-response"]
"""Why an entry is not judged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One recorded exchange with an API that the harness knows.

    The `exchange` has no ID, its secrets are masked, and `recorded` names the facets that the recording holds. `host`
    has the port unless it is the scheme's. `model` is the request body's, `client` the request's User-Agent, each ""
    if there is none. `source` is the file as given, and the number of the entry from 0: "cassettes/a.yaml#3". `at` is
    when it was recorded, if the recording says.
    """

    exchange: Exchange
    host: str
    model: str
    client: str
    source: str
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """An entry that is not judged, and why: `detail` says what is wrong and where, or names the other path.

    `damaged`: the entry can't be read. `other-path`: it is no request to an API that the harness knows. `no-response`:
    the recording holds no response to it.
    """

    source: str
    why: Why
    detail: str


class RecordingError(ValueError):
    """A file is no recording of a known format, or can't be read: where, why, and the remedy."""

    def __init__(self, where: Path, why: str, remedy: str) -> None:
        super().__init__(f"The recording can't be read: {where}: {why}. {remedy}")
        self.where, self.why, self.remedy = where, why, remedy
