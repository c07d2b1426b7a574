"""The JSON report, as `schemas/report.schema.json` describes it."""

import msgspec

from conformance.report.document import Report


def render(report: Report) -> bytes:
    """The octets of the JSON report; the same report gives the same octets."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
