"""Requests for text completions whose prompts must arrive in their form, and whose choices must come back."""

from typing import Any, Final

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import MODES, Mode, Suite
from conformance.probes.baseline import Change
from conformance.probes.completions import IDS
from conformance.probes.encoding import usage_too

UNARY: Final[tuple[Mode, ...]] = ("unary",)
STREAM: Final[tuple[Mode, ...]] = ("stream",)
ALONE: Final = 2
"""The stage of requests without a text: sent alone, they are known upstream by when they arrive."""
PROMPTS: Final = ("The lamp is", "Two boats wait", "Ten minutes later,")


def _with(**fields: Any) -> Change:
    """Set these fields, and request usage."""
    return lambda body, mode: body | {"max_tokens": 32} | fields | usage_too("completions", mode)


def _probe(
    kind: Kind,
    subject: str,
    purpose: str,
    *,
    script: str = "native-sse",
    modes: tuple[Mode, ...] = UNARY,
    suite: Suite = "gate",
    stage: int = 0,
    **fields: Any,
) -> Probe:
    return Probe(
        api="completions",
        kind=kind,
        subject=subject,
        purpose=purpose,
        script=script,
        modes=modes,
        suite=suite,
        build_body=_with(**fields),
        stage=stage,
        max_tokens=32,
        is_followed=False,
    )


PROBES = (
    _probe(Kind.GATEWAY_CONTENT, "token-ids", "The prompt is a list of token IDs.", stage=ALONE, prompt=[*IDS]),
    _probe(
        Kind.GATEWAY_CONTENT,
        "token-id-lists",
        "The prompts are lists of token IDs.",
        stage=ALONE,
        prompt=[[*IDS], [*reversed(IDS)]],
    ),
    _probe(
        Kind.GATEWAY_CONTENT,
        "prompts",
        "Three prompts in one request, each of which begins its choice.",
        modes=MODES,
        prompt=[*PROMPTS],
        echo=True,
    ),
    _probe(
        Kind.GATEWAY_VARIANT,
        "logprobs",
        "Two choices with log probabilities, as vLLM sends them.",
        script="completions-as-vllm",
        modes=STREAM,
        n=2,
        logprobs=2,
    ),
    _probe(
        Kind.GATEWAY_VARIANT, "large-integer", "The response has a large integer.", script="large-integer", logprobs=2
    ),
    _probe(
        Kind.GATEWAY_VARIANT,
        "as-llama-cpp",
        "The response has the members that llama.cpp adds.",
        script="completions-as-llama-cpp",
        modes=MODES,
        suite="full",
    ),
)
