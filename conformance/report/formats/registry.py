"""The report formats, by their names in `--report`."""

from collections.abc import Callable
from typing import Final

from conformance.report.document import Report
from conformance.report.failures import Recording
from conformance.report.formats import badge, github, har, html, json_report, junit, markdown, sarif

FORMATS: Final[dict[str, Callable[[Report, Recording], bytes]]] = {
    "json": lambda report, _: json_report.render(report),
    "json-full": lambda report, _: json_report.render_full(report),
    "junit": junit.render,
    "markdown": markdown.render,
    "html": html.render,
    "sarif": sarif.render,
    "github": github.render,
    "badge": lambda report, _: badge.render(report),
    "har": har.render,
}
