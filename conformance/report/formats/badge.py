"""A badge: how many MUST rules pass, as a small SVG in the colour of the verdict."""

from html import escape
from typing import Final

from conformance.report.document import Report
from conformance.report.formats import legend
from conformance.report.scores import scores

LABEL: Final = "agent conformance"
PER_CHARACTER: Final = 6.6
COLOUR: Final = {0: "#2e7d32", 1: "#b3261e"}


def render(report: Report) -> bytes:
    """The badge as SVG bytes."""
    words = _must_rules(report) if report.exit_code in COLOUR else "not tested"
    left, right = (int(len(text) * PER_CHARACTER) + 12 for text in (LABEL, words))
    title = escape(
        ": ".join(filter(None, (LABEL, legend.of_report(report).word if report.exit_code in COLOUR else "", words)))
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{left + right}" height="20" role="img" aria-label="{title}">'
        f"<title>{title}</title>"
        f'<rect width="{left}" height="20" fill="#444"/>'
        f'<rect x="{left}" width="{right}" height="20" fill="{COLOUR.get(report.exit_code, "#6b6b6b")}"/>'
        f'<g fill="#fff" font-family="Verdana,sans-serif" font-size="11" text-anchor="middle">'
        f'<text x="{left / 2}" y="14">{LABEL}</text>'
        f'<text x="{left + right / 2}" y="14">{escape(words)}</text></g></svg>\n'
    ).encode()


def _must_rules(report: Report) -> str:
    """How many MUST rules pass, of those that pass or fail, over all APIs: the numbers of the site, added up."""
    found = scores(report)
    return f"{sum(score.passed for score in found)}/{sum(score.judged for score in found)} MUST rules"
