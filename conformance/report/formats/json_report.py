"""The JSON report (`schemas/report.schema.json`)."""

import msgspec

from conformance.report.document import Report


def render(report: Report) -> bytes:
    """The JSON report as bytes; deterministic."""
    return msgspec.json.format(msgspec.json.encode(report), indent=1) + b"\n"
