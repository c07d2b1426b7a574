"""The choices that are generated and not returned: `best_of`."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.errors import error_response
from conformance.apis.request_fields import requested_cap
from conformance.apis.usage import usage
from conformance.field_support.capability import warned
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import SHOULD, Finding, NotJudged, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.sse import looks_like_events
from conformance.rules.conditions import (
    all_of,
    answered_or_rejected,
    not_rejected_for_other_reasons,
    probe_is,
    readable,
)
from conformance.rules.cpl.example import asking, choice, chunk, completion, stream
from conformance.rules.cpl.spec import COMPLETIONS, CREATE
from conformance.rules.example import answered, error

ASKED: Final[dict[str, Any]] = asking("mistake", "best-of-in-a-stream", n=1, best_of=2, max_tokens=4)
PARTS: Final = (chunk(choice(" Hello", finish=None)), chunk(choice("", finish="length")))
REFUSED: Final = answered(error("'best_of' can't be streamed.", param="best_of"), status=400, mode="stream", **ASKED)


def _counting(words: int) -> Any:
    return chunk(choices=[], usage=completion(words=words)["usage"])


@rule(
    "CPL017",
    SHOULD,
    "best_of is not silently ignored in a stream",
    spec=f"{CREATE}#completions/create-best_of",
    fix="Reject a `best_of` above `n` with 400 if `stream` is true: the best choice is known only when all are complete.",
    applies_to=all_of(
        probe_is(Kind.MISTAKE, subjects=("best-of-in-a-stream",)),
        not_rejected_for_other_reasons,
        readable,
        answered_or_rejected,
    ),
    needs=("headers",),
    apis=COMPLETIONS,
    good=[REFUSED, stream(*PARTS, _counting(8), **ASKED)],
    bad=[stream(*PARTS, **ASKED), stream(*PARTS, _counting(4), **ASKED)],
)
def best_of_ignored_in_a_stream(x: Exchange) -> Iterator[Finding | NotJudged]:
    """The client believes that the text is the better of two, and gets the first one.

    A server may generate all candidates before it streams the best: usage then counts the tokens of all.
    """
    if not error_response(x) and not looks_like_events(x):
        yield untestable("the response is not a stream (see FLD001)")
        return
    spent = usage(x)
    counts_all = bool(spent and spent.completion > requested_cap(x) + 1)
    if not error_response(x) and not counts_all and not warned(x, "best_of"):
        seen = (
            f"`best_of: 2` was accepted with HTTP {reply(x).status} for a stream, and usage counts one choice at most"
        )
        yield Finding(seen, at=reply(x).head, expected="an error that names `best_of`")
