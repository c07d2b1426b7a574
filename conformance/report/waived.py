"""How many failures are waived, in words."""

from conformance.report.counts import numbered
from conformance.report.document import Report


def waived(report: Report) -> str:
    """The words after the overall verdict; empty if no failure is waived."""
    failures, waivers = report.summary.waived, sum(waiver.state == "used" for waiver in report.waivers)
    return f" ({numbered(failures, 'failure')} waived by {numbered(waivers, 'waiver')})" if failures else ""
