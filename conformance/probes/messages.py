"""Specific to the Messages API: token counting, and headers with values unknown to the server."""

from typing import Any

from conformance.model.case import Kind
from conformance.model.probe import Probe, RawRequest
from conformance.model.words import Mode
from conformance.probes.baseline import with_fields

TO_COME = "of-tomorrow-2099-01-01"
"""A beta name that no server knows."""
NEXT_VERSION = "2099-01-01"


def _countable(body: dict[str, Any], _mode: Mode) -> Any:
    return {name: value for name, value in body.items() if name not in ("max_tokens", "stream")}


COUNT_TOKENS = Probe(
    kind=Kind.COUNT_TOKENS,
    purpose="Counts the tokens of the baseline request, as agents do before they send a long conversation.",
    api="messages",
    modes=("unary",),
    build_body=_countable,
    raw=RawRequest(path="/messages/count_tokens"),
    max_tokens=0,
)
HEADERS = (
    Probe(
        kind=Kind.BETA_HEADER,
        purpose="`anthropic-beta` has an unknown value: SDKs send new ones with every release.",
        api="messages",
        modes=("unary",),
        build_body=with_fields(max_tokens=1),
        raw=RawRequest(headers=(("anthropic-beta", TO_COME),)),
        suite="full",
        max_tokens=1,
    ),
    Probe(
        kind=Kind.VERSION_HEADER,
        purpose="`anthropic-version` is newer than the server: an upgraded SDK sends one.",
        api="messages",
        modes=("unary",),
        build_body=with_fields(max_tokens=1),
        raw=RawRequest(headers=(("anthropic-version", NEXT_VERSION),)),
        suite="full",
        max_tokens=1,
    ),
)
