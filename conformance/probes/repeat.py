"""Twins: equal questions, asked more than once, which show how much a target differs from itself."""

from collections.abc import Iterator

from conformance.model.exchange import APIS, Api
from conformance.model.probe import Probe, Suite
from conformance.probes.baseline import COUNT, says
from conformance.probes.encoding import asking

INVENT = "Invent a name that nobody has ever had, for a lamp that nobody has ever seen."
"""What hardly any model answers twice in the same words, unless it is bound to."""

SEEDED = says(INVENT, temperature=1, seed=20_261_101, max_tokens=16)


def _twins(api: Api) -> Iterator[Probe]:
    greedy = asking(api, COUNT, 16, temperature=0)
    suite: Suite = "gate" if api == "chat" else "full"
    yield Probe(
        name=f"{api}.twin",
        purpose="The likeliest words are asked for, streaming and not: they should be the same.",
        api=api,
        change=greedy,
        suite=suite,
        max_tokens=16,
    )
    yield Probe(
        name=f"{api}.twin.again",
        purpose="The same question again shows whether the target says the same twice at all.",
        api=api,
        modes=("unary",),
        change=greedy,
        suite=suite,
        max_tokens=16,
        apart=True,
    )


TWINS = (
    *(probe for api in APIS for probe in _twins(api)),
    Probe(
        name="chat.seed",
        purpose="A seed is given, so that the same words can be drawn again.",
        api="chat",
        modes=("unary",),
        change=SEEDED,
        suite="full",
        max_tokens=16,
    ),
    Probe(
        name="chat.seed.again",
        purpose="The same seed should draw the same words.",
        api="chat",
        modes=("unary",),
        change=SEEDED,
        suite="full",
        max_tokens=16,
        apart=True,
    ),
)
