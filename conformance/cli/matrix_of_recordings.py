"""Judges recordings by other tools, and writes one site that compares the hosts, or the models."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from conformance.cli.matrix import file_names, make_folders, page_of, write_site
from conformance.cli.recordings import shown
from conformance.model.criteria import Criteria
from conformance.model.exchange import Origin
from conformance.model.words import RecordingFormat
from conformance.report.headline import judged_by
from conformance.report.recordings import LIMITS
from conformance.runs import recordings

Columns = Literal["host", "model"]


def write_matrix(
    paths: Sequence[Path], out: Path, criteria: Criteria, columns: Columns, recording_format: RecordingFormat | None
) -> int:
    """Judge the recordings, write the site, and return the exit code. Raises ConfigError.

    1 if a MUST failed on a column, else 3 if one proves nothing.
    """

    def name(origin: Origin) -> str:
        return f"{origin.host} {origin.model}".strip() if columns == "model" else origin.host

    make_folders(out)
    with shown() as progress:
        judged = recordings.judge_columns(paths, criteria, name, format=recording_format, progress=progress)
    files = file_names(judged)
    found = [page_of(judged[name], files[name], out) for name in judged]
    return write_site(out, found, judged_by(criteria.rules), LIMITS)
