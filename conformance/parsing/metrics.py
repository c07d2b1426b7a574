"""Read how busy a target says that it is: a gauge of the requests under way, in Prometheus' text format.

The format: https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format
"""

import re

from conformance.model.exchange import Exchange, view
from conformance.parsing.http1 import reply

LOOKED_AT = 1024 * 1024
"""Octets of a list of metrics; what comes later is not read."""

GAUGE = re.compile(
    rb"^(?P<name>(?:[a-z_:][\w:]*?)?(?:(?:reqs?|requests?)_(?:running|processing|in_?flight|active)"
    rb"|(?:running|active|in_?flight)_(?:reqs?|requests?)))"
    rb"(?:\{[^}\n]*\})?[ \t]+(?P<value>[\d.]+(?:e[+-]?\d+)?)[ \t\r]*$",
    re.IGNORECASE | re.MULTILINE,
)
"""A sample of such a gauge, as inference servers name it: `vllm:num_requests_running`, `llamacpp:requests_processing`.

A web framework's own gauge counts the very request that asks for it.
"""
OF_THE_WEB = b"http"


@view
def running(x: Exchange) -> float | None:
    """How many requests the target says it is working on; None where it does not say."""
    if reply(x).status not in range(200, 300):
        return None
    found = GAUGE.finditer(reply(x).content[:LOOKED_AT])
    told = [(sample["name"], float(sample["value"])) for sample in found if OF_THE_WEB not in sample["name"].lower()]
    return sum(value for name, value in told if name == told[0][0]) if told else None
