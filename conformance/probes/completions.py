"""Requests that only Completions has: lists of prompts, token IDs, echoed prompts, and log probabilities in lists."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

from conformance.apis.request import request_body
from conformance.apis.response_content import response_content
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.probe import Probe
from conformance.model.words import MODES, Mode, Suite
from conformance.probes.baseline import COUNT, Change, with_fields
from conformance.probes.encoding import usage_too
from conformance.probes.system_prompt import ASIDE

OTHER_COUNT: Final = "Count from seventy to ninety in words, nothing else."
"""As long as COUNT, so that usage counts about as many tokens for it."""
IDS: Final = tuple(range(70, 94))
"""Token IDs that every vocabulary has, each a letter in most: byte-level ones, and those with bytes as tokens."""
ALIKE: Final = 12
"""How many of them two prompts begin with: these have the same log probabilities in both."""
BEFORE_STOP: Final = 8
"""Characters of the text before a stop sequence."""
SCORE: Final[dict[str, Any]] = {"echo": True, "logprobs": 1, "max_tokens": 1, "temperature": 0}
"""The fields with which evaluations score a prompt."""


def _with(**fields: Any) -> Change:
    """Set these fields, and request usage."""
    return lambda body, mode: body | fields | usage_too("completions", mode)


def _effect(
    subject: str,
    purpose: str,
    change: Change,
    variant: str = "",
    modes: tuple[Mode, ...] = MODES,
    suite: Suite = "gate",
    max_tokens: int = 8,
) -> Probe:
    return Probe(
        api="completions",
        kind=Kind.EFFECT,
        subject=subject,
        variant=variant,
        purpose=purpose,
        modes=modes,
        build_body=change,
        suite=suite,
        field_suite_modes=() if variant else MODES,
        max_tokens=max_tokens,
    )


def _form(subject: str, purpose: str, suite: Suite, modes: tuple[Mode, ...], **fields: Any) -> Probe:
    return Probe(
        api="completions",
        kind=Kind.ACCEPTED_FORM,
        subject=subject,
        purpose=purpose,
        modes=modes,
        build_body=_with(**fields),
        suite=suite,
        max_tokens=fields["max_tokens"] * 2,
    )


def across_pieces(text: str, pieces: Sequence[str]) -> str:
    """Four characters of a text, two from each of two pieces; or from anywhere, if it is in one piece.

    They first occur there, after some text; empty if there are none.
    """
    borders = accumulate(map(len, pieces[:-1])) if len(pieces) > 1 else range(len(text))
    parts = ((border - 2, text[border - 2 : border + 2]) for border in borders if border >= BEFORE_STOP)
    return next((part for start, part in parts if len(part.strip()) > 2 and text.find(part) == start), "")


def stopped_across(x: Exchange) -> Any:
    """The same request, with a stop sequence that spans two pieces of its text; None if its text is too short."""
    choice = next(iter(response_content(x).choices), None)
    stop = across_pieces(choice.text, choice.pieces) if choice else ""
    return request_body(x) | {"stop": [stop]} if stop else None


ECHOES: Final = (
    _effect(
        "echo",
        "`echo`: the text must begin with the prompt.",
        _with(prompt=COUNT, echo=True, max_tokens=4, temperature=0),
    ),
    _effect(
        "echo",
        "Nothing is generated: the prompt is only scored, as some evaluations do it.",
        with_fields(prompt=COUNT, **SCORE | {"max_tokens": 0}),
        "alone",
        ("unary",),
        max_tokens=1,
    ),
    _effect(
        "echo",
        "Two prompts are scored, with one more token: the choices must be in their order.",
        with_fields(prompt=[OTHER_COUNT, COUNT], **SCORE),
        "prompts",
        ("unary",),
        max_tokens=2,
    ),
    _effect(
        "echo",
        "Two prompts of token IDs that begin alike are scored, as evaluations send them.",
        with_fields(prompt=[[*IDS], [*IDS[:ALIKE], *reversed(IDS[ALIKE:])]], **SCORE, seed=1234),
        "token-ids",
        ("unary",),
        max_tokens=2,
    ),
    _effect(
        "echo",
        "Two choices for each of two prompts: those of a prompt follow each other.",
        with_fields(prompt=[OTHER_COUNT, COUNT], n=2, echo=True, max_tokens=1),
        "choices",
        ("unary",),
        suite="full",
        max_tokens=4,
    ),
)
EFFECTS: Final = (
    _effect(
        "logprobs",
        "`logprobs` is set: every token of the completion must have one, and two alternatives.",
        _with(prompt=COUNT, logprobs=2, max_tokens=8),
    ),
    Probe(
        api="completions",
        kind=Kind.EFFECT,
        subject="stop",
        variant="across",
        purpose="A stop sequence from the middle of the text before, which spans two of its pieces.",
        modes=("stream",),
        follows=(Compare(Kind.REPEAT),),
        build_next=stopped_across,
        suite="full",
        max_tokens=16,
    ),
    _effect(
        "suffix",
        "`suffix` has a hundred words: usage must count them, or the field is rejected.",
        with_fields(suffix=f" {ASIDE}", max_tokens=4),
        modes=("unary",),
    ),
    _effect(
        "logit_bias",
        "`logit_bias` allows one token only: the completion must repeat that token.",
        _with(prompt=COUNT, logit_bias={"70": 100}, max_tokens=6),
        suite="fields",
    ),
)
FORMS: Final = (
    _form(
        "prompts",
        "Two prompts at temperature 0, one of which is also sent alone: each must get its own choice.",
        "gate",
        MODES,
        prompt=[OTHER_COUNT, COUNT],
        temperature=0,
        max_tokens=16,
    ),
    _form("token-ids", "The prompt is a list of token IDs.", "full", MODES, prompt=[*IDS], max_tokens=4),
    _form(
        "token-id-lists",
        "The prompts are lists of token IDs.",
        "full",
        MODES,
        prompt=[[*IDS], [*reversed(IDS)]],
        max_tokens=4,
    ),
    _form("best-of", "The better of two candidates is requested.", "full", ("unary",), n=1, best_of=2, max_tokens=4),
    _form("logprobs-zero", "`logprobs` is 0: no alternatives.", "full", MODES, logprobs=0, max_tokens=4),
)
MISTAKES: Final = (
    Probe(
        api="completions",
        kind=Kind.MISTAKE,
        subject="best-of-in-a-stream",
        purpose="The better of two candidates is requested as a stream, which the API rules out.",
        modes=("stream",),
        build_body=_with(n=1, best_of=2, max_tokens=4),
        suite="full",
        max_tokens=8,
    ),
)
