"""The formats of a report, by the names that `--report` takes."""

from collections.abc import Callable
from typing import Final

from conformance.report import annotations, as_json, badge, har, html, junit, markdown, sarif
from conformance.report.document import Report
from conformance.report.failures import Evidence

FORMATS: Final[dict[str, Callable[[Report, Evidence], bytes]]] = {
    "json": lambda report, _: as_json.render(report),
    "junit": junit.render,
    "markdown": markdown.render,
    "html": html.render,
    "sarif": sarif.render,
    "github": annotations.render,
    "badge": lambda report, _: badge.render(report),
    "har": har.render,
}
