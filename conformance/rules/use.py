"""USE: the usage of Chat Completions, in both modes: whether it comes, where, and whether it can be true."""

from collections.abc import Iterator
from typing import Any

from conformance.exchange import Api, Exchange, Span
from conformance.read.chat import answer, place, said
from conformance.read.request import asked, cap_asked, choices_asked, prompt_length
from conformance.read.sse import DONE, payloads
from conformance.read.usage import Report, reports, usage
from conformance.read.value import Object, held, is_integer, mapping, sequence, shown
from conformance.rule import rule
from conformance.rules.chk.text import is_cumulative
from conformance.rules.chk.when import chunked, in_chunks
from conformance.rules.chk.when import ended as streamed_to_the_end
from conformance.rules.cmp.when import completed
from conformance.rules.example import HELLO, answered, chunk, completion, streamed
from conformance.verdict import MUST, SHOULD, Finding, Skip, not_applicable, untestable

OBJECT = "https://platform.openai.com/docs/api-reference/chat/object#chat/object-usage"
OPTIONS = "https://platform.openai.com/docs/api-reference/chat/create#chat-create-stream_options"
CHAT: tuple[Api, ...] = ("chat",)
COUNTS = ("prompt_tokens", "completion_tokens", "total_tokens")
PARTS = (
    ("prompt_tokens", "prompt_tokens_details", "cached_tokens"),
    ("completion_tokens", "completion_tokens_details", "reasoning_tokens"),
)

TEXT_PER_TOKEN = 1000
"""Characters; prose has four or five a token, and no tokenizer's vocabulary has many tokens as long as this."""

ASKED = {"stream": True, "stream_options": {"include_usage": True}}
CAPPED = {"max_tokens": 8}


def told(prompt: Any = 3, words: Any = 3, total: Any = 6, **more: Any) -> Object:
    """A usage object."""
    return {"prompt_tokens": prompt, "completion_tokens": words, "total_tokens": total, **more}


LAST = chunk(choices=[], usage=told())
STREAM = streamed(*HELLO[:-1], LAST, "[DONE]", body=ASKED)
WHOLE = answered(completion())


def having(**counts: Any) -> Exchange:
    """A whole answer with this usage."""
    return answered(completion(usage=told(**counts)))


def spoken(x: Exchange) -> Skip | None:
    """An answer came, in either mode."""
    return chunked(x) if x.mode == "stream" else completed(x)


def counted(x: Exchange) -> Skip | None:
    """An answer came with its usage."""
    return spoken(x) or (None if reports(x) else not_applicable("no usage came"))


def counted_well(x: Exchange) -> Skip | None:
    """An answer came with a usage that has the counts."""
    return counted(x) or (None if usage(x) else untestable("the usage has no proper counts"))


def asked_for_it(x: Exchange) -> Skip | None:
    """A stream came to its end that was asked to tell its usage.

    "If the stream is interrupted, you may not receive the final usage chunk": then nothing is owed.
    """
    if skip := streamed_to_the_end(x):
        return skip
    if DONE not in payloads(x) and not any(choice.finishes for choice in answer(x).choices):
        return untestable("the stream was broken off before its end")
    asks = mapping(asked(x).get("stream_options")).get("include_usage") is True
    return None if asks else not_applicable("the request did not ask for the usage")


def told_as_asked(x: Exchange) -> Skip | None:
    """A stream told the usage that it was asked for."""
    return asked_for_it(x) or (None if reports(x) else untestable("no usage came"))


def told_in_chunks(x: Exchange) -> Skip | None:
    """As told_as_asked, and the answer came in chunks."""
    return told_as_asked(x) or in_chunks(x)


def _at(x: Exchange, report: Report) -> Span:
    return place(x, report.event)


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
    "USE002",
    MUST,
    "Usage tells prompt, completion and total tokens as integers from 0 up",
    spec=OBJECT,
    fix="Send prompt_tokens, completion_tokens and total_tokens as numbers, or no usage at all.",
    when=counted,
    apis=CHAT,
    good=[STREAM, WHOLE, streamed(*HELLO[:-1], LAST | {"usage": told(x=1, y=None)}, "[DONE]")],
    bad=[
        having(prompt="3"),
        having(words=-1),
        having(total=None),
        having(words=1.5),
        having(words=True),
        answered(completion(usage=[1, 2])),
        answered(completion(usage={})),
        streamed(*HELLO[:-1], LAST | {"usage": {"total_tokens": 6}}),
    ],
)
def odd_counts(x: Exchange) -> Iterator[Finding]:
    """Clients add these numbers up and multiply them by prices; typed ones refuse the whole answer."""
    for report in reports(x):
        if not isinstance(report.value, dict):
            yield Finding(f"usage is {shown(report.value)}", at=_at(x, report), expected="an object")
            continue
        for name in COUNTS:
            count = report.value.get(name)
            if not (is_integer(count) and count >= 0):
                yield Finding(f"usage has {held(report.value, name)}", at=_at(x, report))


@rule(
    "USE003",
    MUST,
    "Total tokens are prompt and completion tokens together",
    spec=OBJECT,
    fix="Count what the model did not show (thoughts) as completion tokens, and make the total the sum.",
    when=counted_well,
    apis=CHAT,
    good=[STREAM, WHOLE],
    bad=[having(total=7), streamed(*HELLO[:-1], LAST | {"usage": told(total=3)})],
)
def wrong_sum(x: Exchange) -> Iterator[Finding]:
    """Some clients bill by the total, others by its parts: one of the two bills is wrong."""
    for report in reports(x):
        prompt, words, total = (mapping(report.value).get(name) for name in COUNTS)
        if is_integer(prompt) and is_integer(words) and is_integer(total) and prompt + words != total:
            seen = f"{shown(prompt)} prompt and {shown(words)} completion tokens make a total of {shown(total)}"
            yield Finding(seen, at=_at(x, report))


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
        yield Finding(f"{len(reports(x))} chunks tell a usage", at=_at(x, reports(x)[1]))


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
        yield Finding("the chunk with the usage also has choices", at=_at(x, report), expected="choices []")
    elif report.event and report.event.start < said(x)[-1].event.start:
        yield Finding("chunks follow the one with the usage", at=_at(x, report))


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
    "USE007",
    SHOULD,
    "Cached and reasoning tokens are part of the tokens that they belong to",
    spec=OBJECT,
    fix="Count cached tokens in prompt_tokens, and reasoning tokens in completion_tokens.",
    when=counted_well,
    apis=CHAT,
    good=[WHOLE, having(prompt_tokens_details={"cached_tokens": 3}), having(completion_tokens_details=None)],
    bad=[
        having(prompt_tokens_details={"cached_tokens": 900}),
        having(completion_tokens_details={"reasoning_tokens": 4}),
    ],
)
def part_above_whole(x: Exchange) -> Iterator[Finding]:
    """Bills and cache rates are worked out by subtraction, and come out below zero."""
    for report in reports(x):
        value = mapping(report.value)
        for whole, details, part in PARTS:
            most, count = value.get(whole), mapping(value.get(details)).get(part)
            if is_integer(most) and is_integer(count) and count > most:
                yield Finding(f"{part} is {shown(count)}, of {shown(most)} {whole}", at=_at(x, report))


@rule(
    "USE008",
    SHOULD,
    "Usage counts the prompt that was sent and the text that came",
    spec=OBJECT,
    fix="Take the counts from the engine when the answer is made; zero is for nothing.",
    when=counted_well,
    apis=CHAT,
    good=[STREAM, WHOLE, answered(completion({"content": ""}, usage=told(words=0, total=3)))],
    bad=[having(words=0, total=3), having(prompt=0, total=3)],
)
def usage_of_nothing(x: Exchange) -> Iterator[Finding]:
    """Cost and context are reckoned from the counts: with zeros the bill is empty and the context overflows unseen."""
    spent = usage(x)
    if not spent:
        return
    if spent.prompt == 0:
        yield Finding("usage counts 0 prompt tokens", at=_at(x, reports(x)[-1]))
    if spent.completion == 0 and any(choice.pieces or choice.calls for choice in answer(x).choices):
        yield Finding("usage counts 0 completion tokens for an answer that is not empty", at=_at(x, reports(x)[-1]))


def counted_once(x: Exchange) -> Skip | None:
    """As counted_well, and the text is not sent again and again (CHK021 tells of that)."""
    if skip := counted_well(x):
        return skip
    return untestable("deltas repeat the text before them") if any(map(is_cumulative, answer(x).choices)) else None


LARGE = {"messages": [{"role": "user", "content": "Say hello. " * 600}]}
THIRTY = completion({"content": "word " * 30})


@rule(
    "USE010",
    SHOULD,
    "Usage counts the whole prompt",
    spec=OBJECT,
    fix="Count the tokens of all messages, tools and templates that the model reads, cached ones included.",
    when=counted_well,
    apis=CHAT,
    good=[
        WHOLE,
        answered(completion(usage=told(prompt=1800, total=1803)), body=LARGE),
        answered(completion(usage=told(prompt_tokens_details={"cached_tokens": 1800})), body=LARGE),
    ],
    bad=[answered(completion(usage=told(prompt=1, total=4)), body=LARGE)],
)
def prompt_hardly_counted(x: Exchange) -> Iterator[Finding]:
    """Agents shorten their history by this count: too small a one lets the context overflow unseen."""
    spent, length = usage(x), prompt_length(x)
    if spent and spent.prompt and length > TEXT_PER_TOKEN * (spent.prompt + spent.cached) + TEXT_PER_TOKEN:
        seen = f"usage counts {spent.prompt} prompt tokens for {length} characters of messages"
        yield Finding(seen, at=_at(x, reports(x)[-1]))


@rule(
    "USE011",
    SHOULD,
    "Usage counts the whole answer",
    spec=OBJECT,
    fix="Count the tokens that the model made, not the chunks or the last step.",
    when=counted_once,
    apis=CHAT,
    good=[STREAM, WHOLE, answered(THIRTY | {"usage": told(words=30, total=33)})],
    bad=[answered(THIRTY | {"usage": told(words=1, total=4)})],
)
def answer_hardly_counted(x: Exchange) -> Iterator[Finding]:
    """Costs are reckoned from this count. A token seldom reaches beyond a word, so that two words a token are forgiven."""
    spent, words = usage(x), sum(len(choice.text.split()) for choice in answer(x).choices)
    if spent and spent.completion and words > 2 * spent.completion + 4:
        seen = f"usage counts {spent.completion} completion tokens for {words} words"
        yield Finding(seen, at=_at(x, reports(x)[-1]))


def capped(x: Exchange) -> Skip | None:
    """The request set a cap, and the answer tells its usage."""
    return counted_well(x) or (None if cap_asked(x) else not_applicable("the request set no cap on the answer"))


@rule(
    "USE009",
    SHOULD,
    "Usage stays under the cap that the request set",
    spec="https://platform.openai.com/docs/api-reference/chat/create#chat-create-max_completion_tokens",
    fix="Stop the model at max_tokens or max_completion_tokens, reasoning included, and count what it made.",
    when=capped,
    apis=CHAT,
    good=[
        answered(completion(usage=told(words=8, total=11)), body=CAPPED),
        answered(completion(usage=told(words=9, total=12)), body=CAPPED),
        answered(completion(usage=told(words=16, total=19)), body=CAPPED | {"n": 2}),
    ],
    bad=[answered(completion(usage=told(words=20, total=23)), body=CAPPED)],
)
def over_the_cap(x: Exchange) -> Iterator[Finding]:
    """The cap is what a user is ready to pay. One token more a choice is forgiven: some count the one that ends the text."""
    spent, cap, choices = usage(x), cap_asked(x), choices_asked(x)
    if spent and cap and spent.completion > (cap + 1) * choices:
        seen = f"usage counts {spent.completion} completion tokens under a cap of {cap}" + (
            f" for each of {choices} choices" if choices > 1 else ""
        )
        yield Finding(seen, at=_at(x, reports(x)[-1]))
