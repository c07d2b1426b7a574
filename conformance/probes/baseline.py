"""Basic requests: the baseline request of each framework, long and short completions, usage, and `n: 2`."""

from collections.abc import Callable
from typing import Any, Final

from conformance.apis.specs import generation, spec
from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import APIS, GENERATIVE, MODES, WITH_CHOICES, Api, Mode, Suite

Change = Callable[[dict[str, Any], Mode], Any]
Fields = dict[str, Any]


SHORT, LONG = 2, 3
"""Stages of the requests whose timing is judged: each is sent alone, so that none waits for a slot that we hold.

The short one is sent first: prompt caching can then only speed up the long one.
"""
BRIEFS = 3
"""Number of brief completions that the suite `gate` requests to measure how much the target's delays vary."""
COUNT = "Count from one to sixty in words, nothing else."
BESIDE_CHAT: Final = ("messages", "responses")
"""APIs that are usually offered beside Chat Completions, by the same server."""


def suite_of(api: Api) -> Suite:
    """The suite of a probe that shows the same on each API of a server: one of them is enough in `gate`."""
    return "full" if api in BESIDE_CHAT else "gate"


def modes_of(api: Api) -> tuple[Mode, ...]:
    """The modes of an API: one that generates no text has no streams."""
    return MODES if spec(api).generation else ("unary",)


def user_message(api: Api, text: str) -> Fields:
    """One user message, instead of the conversation."""
    place = spec(api).prompt
    return {place: [{"role": "user", "content": text}] if place == "messages" else text}


def token_cap(api: Api, tokens: int) -> Fields:
    """A cap of `tokens`, or the smallest that the API allows; none if the API generates no text."""
    found = spec(api).generation
    return {found.cap: max(tokens, found.min_cap)} if found else {}


def prompted(api: Api, text: str, tokens: int, **fields: Any) -> Change:
    """Replace the prompt by this text under a cap, and set these fields."""
    changed = user_message(api, text) | token_cap(api, tokens) | fields
    return lambda body, _mode: body | changed


def count_prompt(api: Api, tokens: int) -> Change:
    """Request a list of numbers under a cap."""
    return prompted(api, COUNT, tokens)


def with_prompt(text: str, **fields: Any) -> Change:
    """Replace the conversation by one user message, and set these fields."""
    return lambda body, _mode: body | {"messages": [{"role": "user", "content": text}], **fields}


def with_fields(**fields: Any) -> Change:
    """Set these fields of the baseline request."""
    return lambda body, _mode: body | fields


def with_usage(change: Change) -> Change:
    """Request usage as well; a non-streaming response always has it."""

    def with_usage_requested(body: dict[str, Any], mode: Mode) -> Any:
        more = {"stream_options": {"include_usage": True}} if mode == "stream" else {}
        return change(body, mode) | more

    return with_usage_requested


def _baseline(api: Api) -> Probe:
    modes = modes_of(api)
    return Probe(
        kind=Kind.BASELINE,
        purpose="The baseline request, exactly as the framework sends it.",
        api=api,
        sent_by="framework",
        modes=modes,
        smoke_suite_modes=modes,
        field_suite_modes=modes,
        max_tokens=64 if spec(api).generation else 0,
    )


def _timed(api: Api, kind: Kind, purpose: str, tokens: int, turn: int) -> Probe:
    """A request whose timing is judged."""
    return Probe(
        kind=kind,
        purpose=purpose,
        api=api,
        modes=("stream",),
        build_body=count_prompt(api, tokens),
        max_tokens=tokens,
        stage=turn,
    )


def _long(api: Api) -> Probe:
    purpose = "A completion long enough to show whether tokens are sent as they are generated, or buffered."
    return _timed(api, Kind.LONG_STREAM, purpose, 64, LONG)


def _short(api: Api) -> Probe:
    purpose = "The same request under a small cap: the extra time of the long completion is generation time."
    return _timed(api, Kind.SHORT_STREAM, purpose, generation(api).brief_cap, SHORT)


BASELINES = tuple(map(_baseline, APIS))
TIMED = (*map(_long, GENERATIVE), *map(_short, GENERATIVE))
SHORT_STREAMS = tuple(
    Probe(
        kind=Kind.BRIEF_STREAM,
        subject=f"{number}",
        purpose="A brief completion, to measure how much the target's delays vary.",
        api=api,
        modes=("stream",),
        build_body=count_prompt(api, number + generation(api).min_cap - 1),
        max_tokens=number + generation(api).min_cap - 1,
        suite="gate" if number <= BRIEFS else "full",
    )
    for api in GENERATIVE
    if api != "chat"
    for number in range(1, 7)
)
USAGES = tuple(
    Probe(
        kind=Kind.USAGE,
        purpose="A streaming request with `stream_options.include_usage`.",
        api=api,
        modes=("stream",),
        build_body=with_fields(stream_options={"include_usage": True}, max_tokens=8),
        field_suite_modes=("stream",),
        max_tokens=8,
    )
    for api in WITH_CHOICES
)
CHOICES = tuple(
    Probe(
        kind=Kind.CHOICES,
        purpose="Two choices are requested (`n: 2`).",
        api=api,
        build_body=with_usage(with_fields(n=2, max_tokens=4)),
        field_suite_modes=MODES,
        max_tokens=8,
    )
    for api in WITH_CHOICES
)
