"""Specific to the Messages API: token counting, and headers with values unknown to the server."""

from typing import Any

from conformance.model.case import Kind
from conformance.model.probe import Probe, RawRequest
from conformance.model.words import Mode
from conformance.probes.baseline import with_fields
from conformance.probes.system_prompt import ASIDE, ORDER

TO_COME = "of-tomorrow-2099-01-01"
"""A beta name that no server knows."""
NEXT_VERSION = "2099-01-01"


def _countable(body: dict[str, Any], _mode: Mode) -> Any:
    return {name: value for name, value in body.items() if name not in ("max_tokens", "stream")}


BETA = "context-management-2025-06-27"
"""A beta that coding agents use in every request, and the field that it brings."""
BETA_FIELD = {"context_management": {"edits": [{"type": "clear_tool_uses_20250919"}]}}


def _in_blocks(body: dict[str, Any], _mode: Mode) -> Any:
    """The baseline request with its text as a text block, and a system prompt in two others."""
    *earlier, last = body["messages"]
    content = [{"type": "text", "text": last["content"]}]
    system = [{"type": "text", "text": text} for text in (ASIDE, ORDER)]
    return body | {"messages": [*earlier, last | {"content": content}], "system": system, "max_tokens": 16}


COUNT_TOKENS = Probe(
    kind=Kind.COUNT_TOKENS,
    purpose="Counts the tokens of the baseline request, as agents do before they send a long conversation.",
    api="messages",
    modes=("unary",),
    build_body=_countable,
    raw=RawRequest(path="/messages/count_tokens"),
    max_tokens=0,
)
TEXT_BLOCKS = Probe(
    kind=Kind.ACCEPTED_FORM,
    subject="text-blocks",
    purpose="The system prompt, which asks for a word, and the message are lists of text blocks, as agents send them.",
    api="messages",
    modes=("unary",),
    build_body=_in_blocks,
    max_tokens=16,
)
HEADERS = (
    Probe(
        kind=Kind.BETA_FIELD,
        purpose="`anthropic-beta` names a beta, and the body has the field that it brings, as coding agents send both.",
        api="messages",
        modes=("unary",),
        build_body=with_fields(max_tokens=1, **BETA_FIELD),
        raw=RawRequest(headers=(("anthropic-beta", BETA),)),
        max_tokens=1,
    ),
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
