"""Bounds of a run: requests that are no longer sent, because the target's responses ran into the same bound again."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Final, Literal

from conformance.model.exchange import Exchange, Request
from conformance.model.words import MODE_WORDS, Api, Mode
from conformance.parsing.http1 import reply

MOST_HITS: Final = 5
"""Responses beyond one bound after which no more requests of their kind are sent."""
LARGE: Final = 2 * 1024 * 1024
"""Bytes, as received or decoded: a response that is large for the run, though it is judged.

The probes ask for a few hundred tokens at most; this is ten thousand.
"""

Bound = Literal["size", "time"]
RequestKind = tuple[Api, Mode]
WORDS: Final[dict[Bound, str]] = {
    "size": f"were endless, or larger than {LARGE} bytes",
    "time": "were not complete at the timeout; for a slow target, set a longer --timeout and --concurrency 1",
}


@dataclass(slots=True)
class RunBounds:
    """Counts the responses beyond each bound, by the kind of request: its API and mode.

    Until a kind of request has a response within the bounds, those of all such kinds count together: a target that
    answers nothing properly is asked no more sooner.
    """

    hits: Counter[tuple[Bound, RequestKind]] = field(default_factory=Counter)
    proper: set[RequestKind] = field(default_factory=set)

    def note(self, x: Exchange) -> None:
        """Count the response of one exchange."""
        kind = x.api, x.mode
        bound = exceeded(x)
        if bound:
            self.hits[bound, kind] += 1
        elif reply(x).complete:
            self.proper.add(kind)

    def reason_against(self, request: Request) -> str:
        """Why a request is not to be sent, or an empty string."""
        case = request.cases[0]
        kind = case.api, case.mode
        for bound, words in WORDS.items():
            count = self._count(bound, kind)
            if self.hits[bound, kind] and count >= MOST_HITS:
                return f"the responses to {MOST_HITS} or more {MODE_WORDS[case.mode]} requests {words}"
        return ""

    def _count(self, bound: Bound, kind: RequestKind) -> int:
        if kind in self.proper:
            return self.hits[bound, kind]
        return sum(self.hits[bound, other] for other in {seen for _, seen in self.hits} - self.proper)


def exceeded(x: Exchange) -> Bound | None:
    """The bound that a response ran into, or None."""
    if x.ending.how == "limit" or len(x.received) > LARGE or reply(x).cut or len(reply(x).content) > LARGE:
        return "size"
    return "time" if x.ending.how == "timeout" else None
