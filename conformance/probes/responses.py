"""Specific to the Responses API: server-side state, compaction, and metadata that is echoed."""

from typing import Any
from urllib.parse import quote

from conformance.apis.continuation import (
    UNSTORED,
    after_compaction,
    continued,
    running_id,
    stored_id,
    unstored_id,
)
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.probe import Probe, RawRequest
from conformance.model.words import Mode
from conformance.probes.accepted_forms import MARKER_TEXT
from conformance.probes.baseline import token_cap, with_fields

CAPPED = token_cap("responses", 16)
FIRST, NEXT = "first", "next"
"""The turns of a conversation that the server stores."""
NO_MODEL = "no-model"
COMPACT = RawRequest(path="/responses/compact")
TALKED = [
    {"type": "message", "role": "user", "content": MARKER_TEXT},
    {"type": "message", "role": "assistant", "content": "The lamps are green, and the boats come home."},
]
"""A conversation that is compacted."""
REFERENCE = "reference"
LOST = {"type": "item_reference", "id": "msg_of_nobody"}
MOST_SUMMARY = 256
"""Tokens: more than a summary of two sentences has. The API has no field that limits them."""


def retrieved(x: Exchange) -> RawRequest | None:
    """A request for a response that reports that it is stored."""
    return _by_id(stored_id(x))


def retrieved_all_the_same(x: Exchange) -> RawRequest | None:
    """A request for a response that was not to be stored."""
    return _by_id(unstored_id(x))


def polled(x: Exchange) -> RawRequest | None:
    """A request for a response that goes on in the background."""
    return _by_id(running_id(x))


def _by_id(name: str) -> RawRequest | None:
    return RawRequest(method="GET", path=f"/{quote(name, safe='')}") if name else None


def _referring(body: dict[str, Any], _mode: Mode) -> Any:
    """The baseline request after a reference to an item that does not exist."""
    return body | CAPPED | {"input": [LOST, {"type": "message", "role": "user", "content": body["input"]}]}


KEPT = (
    Probe(
        kind=Kind.PREVIOUS_RESPONSE,
        purpose="`previous_response_id` does not exist: it must be rejected, not ignored.",
        api="responses",
        build_body=with_fields(previous_response_id="resp_of_nobody", **CAPPED),
        max_tokens=16,
    ),
    Probe(
        kind=Kind.PREVIOUS_RESPONSE,
        subject=REFERENCE,
        purpose="An `item_reference` names no item: it must be rejected, not ignored.",
        api="responses",
        modes=("unary",),
        build_body=_referring,
        suite="full",
        max_tokens=16,
    ),
    Probe(
        kind=Kind.METADATA,
        purpose="`metadata` is set: the response must echo it.",
        api="responses",
        build_body=with_fields(metadata={"lamp": "green"}, **CAPPED),
        max_tokens=16,
    ),
    Probe(
        kind=Kind.STORE,
        purpose="`store` is false: the response must not report it as true.",
        api="responses",
        modes=("unary",),
        build_body=with_fields(store=False, **CAPPED),
        suite="full",
        max_tokens=16,
    ),
    Probe(
        kind=Kind.STORED,
        purpose="The baseline response reports `store: true`: it must be found by its id.",
        api="responses",
        modes=("unary",),
        follows=(Compare(Kind.BASELINE),),
        build_next=retrieved,
        suite="full",
        max_tokens=0,
    ),
    Probe(
        kind=Kind.STORED,
        subject=UNSTORED,
        purpose="`store` is false: the response must not be found by its id.",
        api="responses",
        modes=("unary",),
        follows=(Compare(Kind.STORE),),
        build_next=retrieved_all_the_same,
        suite="full",
        max_tokens=0,
    ),
)
CHAINED = (
    Probe(
        kind=Kind.CHAIN,
        subject=FIRST,
        purpose="`store` is true: the next turn continues this one by its id.",
        api="responses",
        build_body=with_fields(store=True, input=f"{MARKER_TEXT} Say hello.", **CAPPED),
        suite="full",
        max_tokens=16,
    ),
    Probe(
        kind=Kind.CHAIN,
        subject=NEXT,
        purpose="The next turn has only a new message and `previous_response_id`: the prompt must have the first turn.",
        api="responses",
        follows=(Compare(Kind.CHAIN, FIRST),),
        build_next=continued,
        suite="full",
        max_tokens=16,
    ),
)
IN_BACKGROUND = (
    Probe(
        kind=Kind.BACKGROUND,
        purpose="`background` is true: it must be honoured, or rejected.",
        api="responses",
        modes=("unary",),
        build_body=with_fields(background=True, store=True, **CAPPED),
        suite="full",
        max_tokens=16,
    ),
    Probe(
        kind=Kind.POLL,
        purpose="A response goes on in the background: it must be found by its id.",
        api="responses",
        modes=("unary",),
        follows=(Compare(Kind.BACKGROUND),),
        build_next=polled,
        suite="full",
        max_tokens=0,
    ),
)
COMPACTION = (
    Probe(
        kind=Kind.COMPACT,
        purpose="A conversation is compacted, as agents do before it exceeds the context.",
        api="responses",
        modes=("unary",),
        build_body=lambda body, _mode: {"model": body["model"], "input": TALKED, "prompt_cache_key": "harbour"},
        raw=COMPACT,
        max_tokens=MOST_SUMMARY,
    ),
    Probe(
        kind=Kind.COMPACT,
        subject=NO_MODEL,
        purpose="A request for a compaction names no model: it must be rejected.",
        api="responses",
        modes=("unary",),
        build_body=lambda _body, _mode: {"input": TALKED},
        raw=COMPACT,
        max_tokens=MOST_SUMMARY,
    ),
    Probe(
        kind=Kind.COMPACTED,
        purpose="The next turn begins with the compacted conversation, as it was received.",
        api="responses",
        modes=("unary",),
        follows=(Compare(Kind.COMPACT),),
        build_next=after_compaction,
        suite="full",
        max_tokens=MOST_SUMMARY,
    ),
)
