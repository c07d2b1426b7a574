"""How a choice ends: with one finish_reason, sent once, and nothing after it."""

from collections.abc import Iterator, Sequence
from typing import Any

from conformance.apis.chat import Part, chat_content, finishing, parts, span_of
from conformance.apis.request_fields import requested_cap, requested_choices
from conformance.apis.usage import exceeds_cap, usage
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange, cached_reader
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, untestable
from conformance.model.words import WITH_CHOICES
from conformance.parsing.json_values import display
from conformance.parsing.sse import Event
from conformance.rules.chk.conditions import (
    choosing,
    ended,
    ends_again,
    finished,
    has_valid_indexes,
    indexed,
    shared_indexes,
)
from conformance.rules.chk.example import FIRST, GOOD, LAST, USAGE, VENDOR
from conformance.rules.chk.shape import FINISHES, choice_name, chunk_rule, finish_reasons, first_parts
from conformance.rules.example import HELLO, chunk, streamed
from conformance.rules.shared_checks import CAP_IGNORED, is_reason, undefined_reasons


def _end_of(part: Part) -> str:
    """The finish_reason that ends the choice; an undefined one (CHK019 reports it) does not."""
    reason = part.choice.get("finish_reason")
    return reason if isinstance(reason, str) and reason in FINISHES else ""


@cached_reader
def _late(x: Exchange) -> tuple[Part, ...]:
    """The parts that add content to a choice after its finish_reason."""
    over: set[int] = set()
    late = []
    begins = next((at for at, part in enumerate(parts(x)) if part.choice.get("finish_reason")), len(parts(x)))
    for part in parts(x)[begins:]:
        if part.slot in over and (part.delta.get("content") or part.delta.get("tool_calls")):
            late.append(part)
        elif _end_of(part):
            over.add(part.slot)
    return tuple(late)


def ended_in_order(x: Exchange) -> NotJudged | None:
    """Distinguishable choices were received, and none continues after its finish_reason."""
    return has_valid_indexes(x) or (untestable("choices continue after their finish_reason") if _late(x) else None)


@chunk_rule(
    "CHK016",
    SHOULD,
    "Every choice of a chunk has the key finish_reason, even if null",
    about="choices",
    fix="Keep null fields when serialising chunks, so that finish_reason is null until the choice ends.",
    applies_to=choosing,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR],
    bad=[streamed(FIRST, chunk(choices=[{"index": 0, "delta": {"content": "Hi"}}]), LAST)],
)
def finish_reason_left_out(x: Exchange) -> Iterator[Finding]:
    """Clients with strict schemas reject a choice without the key."""
    for part in parts(x):
        if "finish_reason" not in part.choice:
            yield Finding(
                f"{choice_name(part)} has no key finish_reason",
                at=span_of(x, part),
                expected="null, or the reason at the end",
            )


@chunk_rule(
    "CHK017",
    MUST,
    "Every choice ends with a finish_reason",
    about="choices",
    fix="End each choice with a chunk that has an empty delta, {}, and the reason why the model stopped as finish_reason.",
    applies_to=finished,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR],
    bad=[
        streamed(*HELLO[:-2], "[DONE]"),
        streamed(
            FIRST,
            chunk(choices=[{"index": 1, "delta": {"content": "Hi"}, "finish_reason": None}]),
            LAST,
            "[DONE]",
            body={"n": 2},
        ),
    ],
)
def no_finish_reason(x: Exchange) -> Iterator[Finding]:
    """Without it a complete response looks truncated: hermes requests continuations, pays four times and shows the content four times."""
    firsts = first_parts(x)
    for choice in chat_content(x).choices:
        if not choice.finishes:
            last = next(part for part in reversed(parts(x)) if part.slot == choice.index)
            yield Finding(f"{choice_name(firsts[choice.index])} never has a finish_reason", at=span_of(x, last))


def several_ended(x: Exchange) -> NotJudged | None:
    """Several choices were requested (`n`), and a complete stream with choices was received."""
    return ended(x) or indexed(x) if requested_choices(x) > 1 else OUT_OF_SCOPE


def several(*indexes: int, spent: int | None = None) -> Exchange:
    """A stream of choices, one after the other, with these indexes; two of at most 4 tokens were requested."""
    deltas: tuple[dict[str, str], ...] = ({"role": "assistant", "content": "Hi"}, {})
    steps = [(at, delta, None if delta else "stop") for at in indexes for delta in deltas]
    return streamed(
        *(chunk(choices=[{"index": at, "delta": delta, "finish_reason": end}]) for at, delta, end in steps),
        *((chunk(choices=[], usage=USAGE | {"completion_tokens": spent}),) if spent else ()),
        "[DONE]",
        probe="chat.n",
        body={"n": 2, "max_tokens": 4},
    )


@chunk_rule(
    "CHK027",
    MUST,
    "Each of several choices has a unique index",
    about="choices",
    fix="Number the choices from 0, and send every chunk of a choice with its own index.",
    applies_to=several_ended,
    apis=WITH_CHOICES,
    good=[*((several(*indexes), GOOD) for indexes in ((0, 1), (1, 0), (0,))), (several(0, spent=4), GOOD)],
    bad=[(several(0, 0), GOOD), (several(1, 1), GOOD), (several(0, spent=8), GOOD)],
    compares_with={
        "single": Compare(Kind.BASELINE, optional=True),
        "capped": Compare(Kind.EFFECT, many=True, optional=True),
    },
)
def choices_under_one_index(
    x: Exchange, single: Exchange | None, capped: Sequence[Exchange]
) -> Iterator[Finding | NotJudged]:
    """Clients join deltas by index: they merge two choices into one, with the content of both.

    A second finish_reason shows a second choice only where a single choice has no second one, and tokens beyond the
    cap only where the target keeps to its cap.
    """
    if shared_indexes(x) and single and ends_again(single):
        yield untestable("a single choice has finish_reason more than once, too (see CHK018)")
        return
    for index in shared_indexes(x):
        last = next(part for part in reversed(parts(x)) if part.slot == index and part.choice.get("finish_reason"))
        wanted = requested_choices(x)
        yield Finding(
            f"choice {index} has finish_reason more than once, and fewer than {wanted} choices have it: choices share an index",
            at=span_of(x, last),
        )
    if merged := _merged(x):
        yield untestable(CAP_IGNORED) if any(map(exceeds_cap, capped)) else Finding(merged, at=span_of(x))


def _merged(x: Exchange) -> str:
    """More tokens than the choices of the stream can have, each under the token cap; one more each is tolerated."""
    spent, cap, found = usage(x), requested_cap(x), len(chat_content(x).choices)
    if not (spent and cap and found < requested_choices(x) and spent.completion > (cap + 1) * found):
        return ""
    seen = f"usage counts {spent.completion} completion tokens at a token cap of {cap}"
    return f"{seen}, but has {found} of {requested_choices(x)} indexes: choices share an index"


@chunk_rule(
    "CHK018",
    SHOULD,
    "A choice has at most one finish_reason",
    about="choices",
    fix="Send finish_reason in the last chunk of the choice only, and null or no choice in later chunks (usage).",
    applies_to=ended_in_order,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR],
    bad=[streamed(*HELLO[:-1], LAST, "[DONE]"), streamed(*HELLO[:-1], chunk(finish="length"), "[DONE]")],
)
def finished_twice(x: Exchange) -> Iterator[Finding]:
    """Clients close the message at the first finish_reason; a second one closes the next message, or contradicts the first."""
    seen: dict[int, str] = {}
    for part in finishing(x):
        reason = _end_of(part)
        if reason and part.slot in seen:
            earlier = display(seen[part.slot])
            yield Finding(
                f"{choice_name(part)} has a second finish_reason: {display(reason)} after {earlier}",
                at=span_of(x, part),
            )
        elif reason:
            seen[part.slot] = reason


@chunk_rule(
    "CHK019",
    SHOULD,
    "finish_reason is one of the defined values, or null",
    about="choices",
    fix="Map the engine's own reasons to stop, length, tool_calls or content_filter.",
    applies_to=choosing,
    apis=WITH_CHOICES,
    good=[GOOD, streamed(*HELLO[:-2], chunk(finish="length"), "[DONE]")],
    bad=[streamed(*HELLO[:-2], chunk(finish="eos"), "[DONE]"), streamed(chunk({"content": "Hi"}, finish="no"), LAST)],
)
def unknown_finish_reason(x: Exchange) -> Iterator[Finding]:
    """Clients with typed enumerations reject any other value, the rest treat the reason as unknown.

    CHK028 reports what can't be a reason at all.
    """
    yield from undefined_reasons(
        x, "finish_reason", finish_reasons(x), (pair for pair in _reasons(x) if is_reason(pair[0]))
    )


@cached_reader
def _reasons(x: Exchange) -> tuple[tuple[Any, Event], ...]:
    """The values of finish_reason that are not null, each with its event."""
    found = ((part.choice.get("finish_reason"), part.chunk.event) for part in parts(x))
    return tuple([pair for pair in found if pair[0] is not None])


@chunk_rule(
    "CHK028",
    MUST,
    "finish_reason is null until the choice ends: not an empty string, the text null, or another type",
    about="choices",
    fix="Serialise a missing finish_reason as JSON null, not as text or as a number.",
    applies_to=choosing,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR, streamed(*HELLO[:-2], chunk(finish="eos"), "[DONE]")],
    bad=[
        streamed(chunk({"content": "Hi"}, finish=""), LAST),
        streamed(chunk({"content": "Hi"}, finish="null"), LAST),
        streamed(chunk({"content": "Hi"}, finish="None"), LAST),
        streamed(chunk(choices=[{"index": 0, "delta": {"content": "Hi"}, "finish_reason": False}]), LAST),
    ],
)
def null_finish_reason_as_text(x: Exchange) -> Iterator[Finding]:
    """No SDK's type has such a value: typed clients fail at the first chunk, others treat any text as the end."""
    sent = ((reason, event) for reason, event in _reasons(x) if not is_reason(reason))
    yield from undefined_reasons(x, "finish_reason", finish_reasons(x), sent)


@chunk_rule(
    "CHK020",
    MUST,
    "No content or tool call is added to a choice after its finish_reason",
    about="choices",
    fix="Send finish_reason after the last content and the last tool call.",
    applies_to=has_valid_indexes,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR, streamed(*HELLO[:-1], chunk({"content": ""}, usage=USAGE), "[DONE]")],
    bad=[streamed(*HELLO[:2], LAST, chunk({"content": " there."}), "[DONE]")],
)
def text_after_the_end(x: Exchange) -> Iterator[Finding]:
    """Clients that stop reading at the finish_reason lose later content and tool calls."""
    what = "text" if x.api == "completions" else "a content or tool_calls delta"
    for part in _late(x):
        yield Finding(f"{choice_name(part)} has {what} after its finish_reason", at=span_of(x, part))


@chunk_rule(
    "CHK023",
    SHOULD,
    "The chunk with the finish_reason has no content",
    about="choices",
    fix="Send the last content in a chunk of its own, and then finish_reason with an empty delta.",
    applies_to=ended_in_order,
    good=[GOOD, VENDOR],
    bad=[streamed(*HELLO[:2], chunk({"content": " there."}, finish="stop"), "[DONE]")],
)
def text_in_the_last_chunk(x: Exchange) -> Iterator[Finding]:
    """Both forms are in use, but clients that stop at the finish_reason never read the content of its chunk: the last words are lost."""
    for part in finishing(x):
        if _end_of(part) and part.delta.get("content"):
            yield Finding(
                f"{choice_name(part)} has its finish_reason in a chunk that also has content", at=span_of(x, part)
            )
