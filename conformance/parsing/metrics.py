"""Read a target's reported load: a gauge of the requests in flight, in Prometheus' text format.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re

from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import reply

LOOKED_AT = 1024 * 1024
"""Bytes of a list of metrics; later ones are not read."""

GAUGE = re.compile(
    rb"^(?P<name>(?:[a-z_:][\w:]*?)?(?:(?:reqs?|requests?)_(?:running|processing|in_?flight|active)"
    rb"|(?:running|active|in_?flight)_(?:reqs?|requests?)))"
    rb"(?:\{[^}\n]*\})?[ \t]+(?P<value>[\d.]+(?:e[+-]?\d+)?)[ \t\r]*$",
    re.IGNORECASE | re.MULTILINE,
)
"""A sample of such a gauge, as inference servers name it: `vllm:num_requests_running`, `llamacpp:requests_processing`.

A web framework's own gauge counts the request for the metrics too, and is skipped.
"""
OF_THE_WEB = b"http"


@cached_reader
def requests_running(x: Exchange) -> float | None:
    """How many requests the target reports as running; None if it reports none such."""
    if reply(x).status not in range(200, 300):
        return None
    found = GAUGE.finditer(reply(x).content[:LOOKED_AT])
    values = [(sample["name"], float(sample["value"])) for sample in found if OF_THE_WEB not in sample["name"].lower()]
    return sum(value for name, value in values if name == values[0][0]) if values else None
