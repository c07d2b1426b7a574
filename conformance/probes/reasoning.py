"""Requests to a model that may reason: effort, thinking, and its own reasoning sent back."""

from typing import Any

from conformance.apis.continuation import next_turn
from conformance.model.case import Compare, Kind
from conformance.model.probe import Probe
from conformance.model.words import Api
from conformance.probes.baseline import token_cap, user_message, with_usage

PUZZLE = "Two of the numbers 21, 27, 33, 35 and 49 are divisible by 7 but not by 3. Which ones?"
"""A question over which a model that reasons does so, and longer with more effort."""
BUDGET = 1024
"""The smallest budget of thinking that the API allows."""
CAP = 1280
"""The budget, and some text."""
EFFORTS = ("low", "high")
SEALED = "sealed"
THINKING = "thinking"


def _effort(api: Api, effort: str) -> Probe:
    wanted = {"reasoning": {"effort": effort}} if api == "responses" else {"reasoning_effort": effort}
    fields = user_message(api, PUZZLE) | token_cap(api, CAP) | wanted
    plain = lambda body, _mode: body | fields  # noqa: E731 - one expression
    return Probe(
        kind=Kind.REASONING,
        subject=effort,
        purpose=f"The effort of reasoning is {effort}: it must have an effect, or be rejected.",
        api=api,
        build_body=with_usage(plain) if api == "chat" else plain,
        suite="full",
        max_tokens=CAP,
    )


def _probe(api: Api, subject: str, purpose: str, **fields: Any) -> Probe:
    fields |= user_message(api, PUZZLE) | token_cap(api, CAP)
    return Probe(
        kind=Kind.REASONING,
        subject=subject,
        purpose=purpose,
        api=api,
        build_body=lambda body, _mode: body | fields,
        suite="full",
        max_tokens=CAP,
    )


def _replay(api: Api, subject: str) -> Probe:
    return Probe(
        kind=Kind.REASONING_REPLAY,
        subject=subject,
        purpose="The next turn: the target's own response, its reasoning included, is sent back unchanged.",
        api=api,
        follows=(Compare(Kind.REASONING, subject),),
        build_next=next_turn,
        suite="full",
        max_tokens=CAP,
    )


REASONING = (
    *(_effort(api, effort) for api in ("chat", "responses") for effort in EFFORTS),
    _probe(
        "messages",
        THINKING,
        "Thinking is enabled: the response must contain it, or the request must be rejected.",
        thinking={"type": "enabled", "budget_tokens": BUDGET},
    ),
    _probe(
        "responses",
        SEALED,
        "Encrypted reasoning is requested, as by clients that let the server store nothing.",
        include=["reasoning.encrypted_content"],
        store=False,
    ),
    _replay("messages", THINKING),
    _replay("responses", SEALED),
)
