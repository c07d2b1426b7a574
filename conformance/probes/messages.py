"""Specific to the Messages API: token counting, and headers with values unknown to the server."""

from typing import Any

from conformance.model.exchange import Mode
from conformance.model.probe import Probe, Raw
from conformance.probes.baseline import sets

TO_COME = "of-tomorrow-2099-01-01"
"""A beta name that no server knows."""
NEXT_VERSION = "2099-01-01"


def _countable(body: dict[str, Any], _mode: Mode) -> Any:
    return {name: value for name, value in body.items() if name not in ("max_tokens", "stream")}


COUNT_TOKENS = Probe(
    name="messages.count",
    purpose="Counts the tokens of the baseline request, as agents do before they send a long conversation.",
    api="messages",
    modes=("unary",),
    change=_countable,
    raw=Raw(path="/messages/count_tokens"),
    max_tokens=0,
)
HEADERS = (
    Probe(
        name="messages.header-beta",
        purpose="`anthropic-beta` has an unknown value: SDKs send new ones with every release.",
        api="messages",
        modes=("unary",),
        change=sets(max_tokens=1),
        raw=Raw(headers=(("anthropic-beta", TO_COME),)),
        suite="full",
        max_tokens=1,
    ),
    Probe(
        name="messages.header-version",
        purpose="`anthropic-version` is newer than the server: an upgraded SDK sends one.",
        api="messages",
        modes=("unary",),
        change=sets(max_tokens=1),
        raw=Raw(headers=(("anthropic-version", NEXT_VERSION),)),
        suite="full",
        max_tokens=1,
    ),
)
