"""Counts what of a recording is not judged, and names the first of each kind; memory does not grow with it."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final

from conformance.model.run import Skipped
from conformance.recordings import entry

MOST_NAMED: Final = 10
"""Damaged entries, and other files, that are named."""
MOST_PATHS: Final = 1000
"""Other paths that are counted by name."""
ELSEWHERE: Final = "other paths"


@dataclass(slots=True)
class SkippedCount:
    """What was not judged so far."""

    counts: Counter[entry.Why] = field(default_factory=Counter)
    paths: Counter[str] = field(default_factory=Counter)
    damaged: list[str] = field(default_factory=list)
    files: int = 0
    files_named: list[str] = field(default_factory=list)

    def add(self, one: entry.Skipped) -> None:
        """Count an entry."""
        self.counts[one.why] += 1
        if one.why == "other-path":
            is_named = one.detail in self.paths or len(self.paths) < MOST_PATHS
            self.paths[one.detail if is_named else ELSEWHERE] += 1
        elif one.why == "damaged" and len(self.damaged) < MOST_NAMED:
            self.damaged.append(f"{one.source}: {one.detail}")

    def add_file(self, what: str) -> None:
        """Count a file that is no recording: which one, and why."""
        self.files += 1
        if len(self.files_named) < MOST_NAMED:
            self.files_named.append(what)

    def facts(self) -> Skipped:
        """The counts, as a run's facts have them."""
        return Skipped(
            damaged=self.counts["damaged"],
            damaged_first=tuple(self.damaged),
            no_response=self.counts["no-response"],
            other_paths=dict(self.paths),
            other_files=self.files,
            other_files_first=tuple(self.files_named),
        )
