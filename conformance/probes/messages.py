"""What only the Messages API has: counting tokens, and headers that are open lists."""

from typing import Any

from conformance.model.exchange import Mode
from conformance.model.probe import Probe, Raw
from conformance.probes.baseline import sets

TO_COME = "of-tomorrow-2099-01-01"
"""A name that no server knows."""
NEXT_VERSION = "2099-01-01"


def _countable(body: dict[str, Any], _mode: Mode) -> Any:
    return {name: value for name, value in body.items() if name not in ("max_tokens", "stream")}


COUNT_TOKENS = Probe(
    name="messages.count",
    purpose="The tokens of the greeting are counted, as agents do before they send a long conversation.",
    api="messages",
    modes=("unary",),
    change=_countable,
    raw=Raw(path="/messages/count_tokens"),
    max_tokens=0,
)
HEADERS = (
    Probe(
        name="messages.header-beta",
        purpose="A feature is named that the server can't know: the SDKs send new ones with every release.",
        api="messages",
        modes=("unary",),
        change=sets(max_tokens=1),
        raw=Raw(headers=(("anthropic-beta", TO_COME),)),
        suite="full",
        max_tokens=1,
    ),
    Probe(
        name="messages.header-version",
        purpose="A version is named that is newer than the server: an upgraded SDK sends one.",
        api="messages",
        modes=("unary",),
        change=sets(max_tokens=1),
        raw=Raw(headers=(("anthropic-version", NEXT_VERSION),)),
        suite="full",
        max_tokens=1,
    ),
)
