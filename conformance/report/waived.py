"""How many failures are waived, in words."""

from conformance.report.document import Report


def waived(report: Report) -> str:
    """The words after the overall verdict; empty if no failure is waived."""
    failures, waivers = report.summary.waived, sum(waiver.state == "used" for waiver in report.waivers)
    return f" ({_count(failures, 'failure')} waived by {_count(waivers, 'waiver')})" if failures else ""


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" + ("s" if number != 1 else "")
