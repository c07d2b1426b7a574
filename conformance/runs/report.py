"""The report as the Python API gives it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from conformance.model.impact import Impact
from conformance.report.document import Report as Document
from conformance.report.document import ReportVerdict as Verdict
from conformance.report.failures import Recording
from conformance.runs.config import argument_names, one_of

Format = Literal["json", "json-full", "junit", "markdown", "html", "sarif", "github", "badge", "har"]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Report:
    """The verdicts on a recorded run. `document` holds all fields of the JSON report, `evidence` the recording.

    `str(report)` is the text that the command prints, without colours.
    """

    document: Document
    evidence: Recording

    @property
    def exit_code(self) -> int:
        """The exit code of `conformance run`: 0 conformant, 1 not conformant, 3 not tested, 4 harness error."""
        return self.document.exit_code

    @property
    def is_conformant(self) -> bool:
        """Whether the target was tested and no MUST failed; with `strict`, no SHOULD either."""
        return self.document.summary.conformant

    @property
    def stop_reason(self) -> str:
        """Why nothing was tested: the target was unreachable, or its URL, model or key was wrong; else empty."""
        return self.document.stopped_why

    @property
    def headline(self) -> tuple[str, ...]:
        """The result in a few sentences."""
        return self.document.summary.headline

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Every verdict: one rule on one test case."""
        return self.document.verdicts

    @property
    def failures(self) -> tuple[Verdict, ...]:
        """The failed verdicts of every level that no waiver covers."""
        return tuple(verdict for verdict in self.document.verdicts if verdict.counts)

    @property
    def impact(self) -> tuple[Impact, ...]:
        """What the user of each framework would see, and what it would cost."""
        return self.document.impact

    @property
    def capabilities(self) -> Mapping[str, Mapping[str, str]]:
        """The support of each request field, by API and name: one of the states of a field."""
        return self.document.capabilities

    def to_json(self) -> str:
        """The JSON report (`schemas/report.schema.json`)."""
        return self._rendered("json").decode()

    def write(self, format: Format, path: str | Path) -> None:  # noqa: A002 - the word of `--report FORMAT=PATH`
        """Write the report to a file, in a format of `--report`. Raises ConfigError."""
        from conformance.report.formats.registry import FORMATS
        from conformance.runs import execute

        one_of("format", format, FORMATS)
        with argument_names():
            execute.outputs((f"{format}={path}",))
        Path(path).write_bytes(self._rendered(format))

    def _rendered(self, name: str) -> bytes:
        from conformance.report.formats.registry import FORMATS

        return FORMATS[name](self.document, self.evidence)

    def __str__(self) -> str:
        from conformance.report.formats import terminal

        return terminal.text(self.document, self.evidence)

    def __repr__(self) -> str:
        name, failures = self.document.target.name, len(self.failures)
        return f"Report(target={name!r}, exit_code={self.exit_code}, failures={failures})"
