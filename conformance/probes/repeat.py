"""Repeats: equal requests, sent more than once, to show how much a target's completions vary."""

from collections.abc import Iterator

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import GENERATIVE, WITH_CHOICES, Api
from conformance.probes.baseline import COUNT, prompted, suite_of
from conformance.probes.encoding import request_encoding

CREATIVE_PROMPT = "Invent a name that nobody has ever had, for a lamp that nobody has ever seen."
"""A prompt that hardly any model completes twice in the same words without a seed."""

SEED = 20_261_101


def _repeats(api: Api) -> Iterator[Probe]:
    greedy = request_encoding(api, COUNT, 16, temperature=0)
    yield Probe(
        kind=Kind.REPEAT,
        purpose="Temperature 0, streaming and non-streaming: the text should be the same.",
        api=api,
        build_body=greedy,
        suite=suite_of(api),
        max_tokens=16,
    )
    yield Probe(
        kind=Kind.REPEAT,
        repeat=1,
        purpose="The same request again, to show whether the target repeats its text at all.",
        api=api,
        modes=("unary",),
        build_body=greedy,
        suite=suite_of(api),
        max_tokens=16,
        never_merge=True,
    )


def _seeded(api: Api) -> Iterator[Probe]:
    seeded = prompted(api, CREATIVE_PROMPT, 16, temperature=1, seed=SEED)
    yield Probe(
        kind=Kind.SEED,
        purpose="`seed` is set, so that the same text can be sampled again.",
        api=api,
        modes=("unary",),
        build_body=seeded,
        suite="full",
        max_tokens=16,
    )
    yield Probe(
        kind=Kind.SEED,
        repeat=1,
        purpose="The same request again: the same `seed` should give the same text.",
        api=api,
        modes=("unary",),
        build_body=seeded,
        suite="full",
        max_tokens=16,
        never_merge=True,
    )


REPEATS = (
    *(probe for api in GENERATIVE for probe in _repeats(api)),
    *(probe for api in WITH_CHOICES for probe in _seeded(api)),
)
