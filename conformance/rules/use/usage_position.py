"""Whether a usage is told, how often, and where."""

from collections.abc import Iterator
from itertools import pairwise

from conformance.apis.chat import place, said
from conformance.apis.usage import reports
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MAY, MUST, SHOULD, Finding
from conformance.parsing.json_values import is_integer, mapping, sequence, shown
from conformance.rules.cmp.conditions import completed
from conformance.rules.example import HELLO, answered, chunk, completion, streamed
from conformance.rules.use.conditions import asked_for_it, at, told_again, told_as_asked, told_in_chunks
from conformance.rules.use.example import ASKED, LAST, STREAM, WHOLE, told
from conformance.rules.use.spec import CHAT, OBJECT, OPTIONS


@rule(
    "USE001",
    MUST,
    "A stream that is asked for its usage tells it",
    spec=OPTIONS,
    fix="Where stream_options.include_usage is true, send one more chunk before [DONE], with choices [] and the usage.",
    when=asked_for_it,
    apis=CHAT,
    modes=("stream",),
    good=[STREAM],
    bad=[streamed(*HELLO, body=ASKED), streamed(*HELLO[:-1], chunk(choices=[], usage=None), "[DONE]", body=ASKED)],
)
def usage_missing(x: Exchange) -> Iterator[Finding]:
    """Hermes and Letta ask for it to know how full the context is and what a turn costs; without it they count nothing."""
    if not reports(x):
        yield Finding("the request asked for the usage, and no chunk tells it", at=place(x))


@rule(
    "USE004",
    SHOULD,
    "A stream tells its usage once",
    spec=OPTIONS,
    fix="Send the usage in the last chunk only; in the others usage is null.",
    when=told_as_asked,
    apis=CHAT,
    modes=("stream",),
    good=[STREAM],
    bad=[streamed(*(c | {"usage": told()} for c in HELLO[:-1] if isinstance(c, dict)), "[DONE]", body=ASKED)],
)
def usage_on_many_chunks(x: Exchange) -> Iterator[Finding]:
    """Clients that add up what they find bill the prompt once a chunk: a run was recorded at 138 dollars that way."""
    if len(reports(x)) > 1:
        yield Finding(f"{len(reports(x))} chunks tell a usage", at=at(x, reports(x)[1]))


@rule(
    "USE005",
    SHOULD,
    "The usage comes in a last chunk of its own, without choices",
    spec=OPTIONS,
    fix="Send the usage after all finish_reasons, in a chunk whose choices are [].",
    when=told_in_chunks,
    apis=CHAT,
    modes=("stream",),
    good=[STREAM],
    bad=[
        streamed(*HELLO[:-2], chunk(finish="stop", usage=told()), "[DONE]", body=ASKED),
        streamed(HELLO[0], LAST, *HELLO[1:], body=ASKED),
    ],
)
def usage_misplaced(x: Exchange) -> Iterator[Finding]:
    """Clients take the chunk without choices for the one with the usage, and stop reading there."""
    report = reports(x)[-1]
    if sequence(report.within.get("choices")):
        yield Finding("the chunk with the usage also has choices", at=at(x, report), expected="choices []")
    elif report.event and report.event.start < said(x)[-1].event.start:
        yield Finding("chunks follow the one with the usage", at=at(x, report))


@rule(
    "USE006",
    SHOULD,
    "A whole answer tells its usage",
    spec=OBJECT,
    fix="Put usage into every completion.",
    when=completed,
    apis=CHAT,
    modes=("unary",),
    good=[WHOLE],
    bad=[answered(completion(usage=None)), answered({k: v for k, v in completion().items() if k != "usage"})],
)
def no_usage(x: Exchange) -> Iterator[Finding]:
    """Letta refuses an answer without usage; everyone else can't tell what it cost."""
    if not reports(x):
        yield Finding("the completion has no usage", at=place(x))


@rule(
    "USE016",
    MAY,
    "Chunks without a usage say so, where it was asked for",
    spec=OPTIONS,
    fix="Where stream_options.include_usage is true, send `usage: null` on every chunk but the last.",
    when=told_in_chunks,
    apis=CHAT,
    modes=("stream",),
    good=[streamed(*(c | {"usage": None} for c in HELLO[:-1] if isinstance(c, dict)), LAST, "[DONE]", body=ASKED)],
    bad=[STREAM],
)
def usage_not_null(x: Exchange) -> Iterator[Finding]:
    """The API says that all other chunks have the field with null; no client is known that needs it."""
    silent = [found for found in said(x) if "usage" not in found.value]
    if silent:
        yield Finding(f"{len(silent)} chunks have no usage, not even null", at=place(x, silent[0]))


@rule(
    "USE015",
    SHOULD,
    "Where a stream tells its usage more than once, it only grows",
    spec=OPTIONS,
    fix="Tell the usage so far, of the whole prompt and of all that was made; or tell it once, at the end.",
    when=told_again,
    apis=CHAT,
    modes=("stream",),
    good=[streamed(*(chunk({"content": "Hi"}, usage=told(words=n, total=3 + n)) for n in (1, 2, 3)))],
    bad=[
        streamed(*(chunk({"content": "Hi"}, usage=told(words=n, total=3 + n)) for n in (1, 2, 0))),
        streamed(*(chunk({"content": "Hi"}, usage=told(prompt=n)) for n in (9, 0))),
    ],
)
def usage_shrinks(x: Exchange) -> Iterator[Finding]:
    """Clients keep the last one, or the largest, or add up: each comes to another bill, and none to the right one."""
    found = [(report, mapping(report.value)) for report in reports(x)]
    for (_, before), (report, after) in pairwise(found):
        for name in ("prompt_tokens", "completion_tokens"):
            one, other = before.get(name), after.get(name)
            if is_integer(one) and is_integer(other) and other < one:
                yield Finding(f"{name} is {shown(one)}, and later {shown(other)}", at=at(x, report))
