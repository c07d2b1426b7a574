"""Whether usage is sent, how often, and where."""

from collections.abc import Iterator
from itertools import pairwise

from conformance.apis.chat import answer_chunks, span_of
from conformance.apis.usage import reports
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MAY, MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import WITH_CHOICES
from conformance.parsing.json_values import as_array, as_object, display, is_integer
from conformance.rules.cmp.conditions import completed
from conformance.rules.example import HELLO, answered, chunk, completion, streamed
from conformance.rules.use.conditions import (
    at,
    requested_usage_in_chunks,
    requested_usage_sent,
    usage_not_requested,
    usage_requested,
    usage_sent_again,
)
from conformance.rules.use.example import ASKED, LAST, STREAM, WHOLE, usage_object
from conformance.rules.use.spec import OBJECT, OPTIONS


@rule(
    "USE001",
    MUST,
    "A stream has usage if stream_options.include_usage is true",
    spec=OPTIONS,
    fix="If stream_options.include_usage is true, send one more chunk with choices [] and the usage before [DONE].",
    applies_to=usage_requested,
    apis=WITH_CHOICES,
    modes=("stream",),
    good=[STREAM],
    bad=[streamed(*HELLO, body=ASKED), streamed(*HELLO[:-1], chunk(choices=[], usage=None), "[DONE]", body=ASKED)],
)
def usage_missing(x: Exchange) -> Iterator[Finding]:
    """Hermes and Letta request usage to track context size and cost; without it they count nothing."""
    if not reports(x):
        yield Finding(
            "the request sets stream_options.include_usage, but no chunk has usage: the field was silently ignored",
            at=span_of(x),
        )


@rule(
    "USE004",
    SHOULD,
    "A stream has usage in one chunk only",
    spec=OPTIONS,
    fix="Send usage in the last chunk only, and `usage: null` in the others.",
    applies_to=requested_usage_sent,
    apis=WITH_CHOICES,
    modes=("stream",),
    good=[STREAM],
    bad=[streamed(*(c | {"usage": usage_object()} for c in HELLO[:-1] if isinstance(c, dict)), "[DONE]", body=ASKED)],
)
def usage_on_many_chunks(x: Exchange) -> Iterator[Finding]:
    """Clients that sum usage bill the prompt once per chunk: a run was recorded at 138 dollars that way."""
    if len(reports(x)) > 1:
        yield Finding(f"{len(reports(x))} chunks have usage; only the last chunk may", at=at(x, reports(x)[1]))


@rule(
    "USE005",
    SHOULD,
    "Usage is sent in a chunk of its own with empty choices, after all others that have choices",
    spec=OPTIONS,
    fix="Send usage after all finish_reasons, in a separate chunk with choices [].",
    applies_to=requested_usage_in_chunks,
    apis=WITH_CHOICES,
    modes=("stream",),
    good=[STREAM, streamed(*HELLO[:-1], LAST, chunk(choices=[], moderation={}), "[DONE]", body=ASKED)],
    bad=[
        streamed(*HELLO[:-2], chunk(finish="stop", usage=usage_object()), "[DONE]", body=ASKED),
        streamed(HELLO[0], LAST, *HELLO[1:], body=ASKED),
    ],
)
def usage_misplaced(x: Exchange) -> Iterator[Finding]:
    """Clients expect usage in the chunk without choices, and stop reading there."""
    report = reports(x)[-1]
    if as_array(report.within.get("choices")):
        yield Finding("the chunk with the usage also has choices", at=at(x, report), expected="choices []")
    elif report.event and any(
        as_array(part.value.get("choices")) for part in answer_chunks(x) if part.event.start > report.event.start
    ):
        yield Finding("chunks with choices follow the chunk with the usage", at=at(x, report))


@rule(
    "USE006",
    MUST,
    "A non-streaming response has usage",
    spec=OBJECT,
    fix="Send usage in every completion.",
    applies_to=completed,
    apis=WITH_CHOICES,
    modes=("unary",),
    good=[WHOLE],
    bad=[answered(completion(usage=None)), answered({k: v for k, v in completion().items() if k != "usage"})],
)
def no_usage(x: Exchange) -> Iterator[Finding]:
    """Letta rejects a response without usage; other clients can't compute the cost."""
    if not reports(x):
        yield Finding("the completion has no usage", at=span_of(x))


@rule(
    "USE016",
    MAY,
    "Chunks without usage have usage: null if stream_options.include_usage is true",
    spec=OPTIONS,
    fix="If stream_options.include_usage is true, send `usage: null` in every chunk but the last.",
    applies_to=requested_usage_in_chunks,
    apis=WITH_CHOICES,
    modes=("stream",),
    good=[streamed(*(c | {"usage": None} for c in HELLO[:-1] if isinstance(c, dict)), LAST, "[DONE]", body=ASKED)],
    bad=[STREAM],
)
def usage_not_null(x: Exchange) -> Iterator[Finding]:
    """The API documents null in all chunks but the last; no known client needs it."""
    silent = [found for found in answer_chunks(x) if "usage" not in found.value]
    if silent:
        yield Finding(f"{len(silent)} chunks have no `usage` key", at=span_of(x, silent[0]), expected="usage: null")


@rule(
    "USE017",
    SHOULD,
    "A stream has a usage chunk with empty choices only if stream_options.include_usage is true",
    spec=OPTIONS,
    fix="Send the chunk with choices [] and usage only if stream_options.include_usage is true.",
    applies_to=usage_not_requested,
    needs=("request",),
    apis=WITH_CHOICES,
    modes=("stream",),
    good=[streamed(*HELLO), streamed(*HELLO[:-2], chunk(finish="stop", usage=usage_object()), "[DONE]")],
    bad=[streamed(*HELLO[:-1], LAST, "[DONE]"), streamed(LAST, *HELLO)],
)
def unrequested_usage(x: Exchange, policy: Policy) -> Iterator[Finding | NotJudged]:
    """Programs that do not request usage read choices[0] of every chunk unchecked: the last chunk raises an exception."""
    if policy.gateway.usage:
        yield not_applicable("the gateway shows usage to everybody on purpose (gateway.usage)")
        return
    for report in reports(x):
        if report.within.get("choices") == []:
            yield Finding(
                "a chunk has usage and empty choices, but the request does not ask for usage", at=at(x, report)
            )
            return


@rule(
    "USE015",
    SHOULD,
    "Usage that is sent more than once in a stream never decreases",
    spec=OPTIONS,
    fix="Send usage once, at the end; or send it cumulative, for the complete prompt and all tokens generated so far.",
    applies_to=usage_sent_again,
    apis=WITH_CHOICES,
    modes=("stream",),
    good=[streamed(*(chunk({"content": "Hi"}, usage=usage_object(words=n, total=3 + n)) for n in (1, 2, 3)))],
    bad=[
        streamed(*(chunk({"content": "Hi"}, usage=usage_object(words=n, total=3 + n)) for n in (1, 2, 0))),
        streamed(*(chunk({"content": "Hi"}, usage=usage_object(prompt=n)) for n in (9, 0))),
    ],
)
def usage_shrinks(x: Exchange) -> Iterator[Finding]:
    """Clients keep the last usage, or the largest, or the sum: each gets a different bill, and none is right."""
    found = [(report, as_object(report.value)) for report in reports(x)]
    for (_, before), (report, after) in pairwise(found):
        for name in ("prompt_tokens", "completion_tokens"):
            one, other = before.get(name), after.get(name)
            if is_integer(one) and is_integer(other) and other < one:
                yield Finding(
                    f"usage decreases: {name} is {display(one)}, and later {display(other)}", at=at(x, report)
                )
