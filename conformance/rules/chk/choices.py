"""The choices of a chunk: list, deltas and indexes."""

from collections.abc import Iterator

from conformance.apis.chat import answer_chunks, columns, is_annotation, is_shaped, parts, span_of
from conformance.apis.request_fields import requested_choices
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.model.words import WITH_CHOICES
from conformance.parsing.json_values import describe_member, is_integer
from conformance.rules.chk.conditions import choosing, chunked, in_chunks, listing
from conformance.rules.chk.example import AZURE, FIRST, GOOD, LAST, USAGE, VENDOR
from conformance.rules.chk.shape import choice_name, chunk_rule
from conformance.rules.example import HELLO, chunk, streamed


@chunk_rule(
    "CHK008",
    MUST,
    "Every chunk has choices, a list of objects",
    about="choices",
    fix="Send choices in every chunk, as an empty list if the chunk has only usage.",
    applies_to=chunked,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR],
    bad=[
        streamed(FIRST, chunk(choices=None), LAST),
        streamed(FIRST, {k: v for k, v in FIRST.items() if k != "choices"}, LAST),
        streamed(chunk(choices=["Hello"])),
    ],
)
def no_choices(x: Exchange) -> Iterator[Finding]:
    """Stream helpers loop over choices and crash on null; the Vercel AI SDK reports an error instead of the response."""
    lists = columns(x)["choices"]
    lengths = [len(choices) for choices in lists if isinstance(choices, list)]
    if len(lengths) == len(lists) and sum(lengths) == len(parts(x)):
        return
    for number, (found, choices) in enumerate(zip(answer_chunks(x), lists, strict=True), 1):
        if not isinstance(choices, list):
            yield Finding(
                f"chunk {number} has {describe_member(found.value, 'choices')}", at=span_of(x, found), expected="a list"
            )
        elif not all(type(choice) is dict for choice in choices):
            yield Finding(f"chunk {number} has a choice that is not an object", at=span_of(x, found))


@chunk_rule(
    "CHK009",
    SHOULD,
    "Only a chunk with usage has empty choices",
    about="choices",
    fix="Send SSE comments to keep the connection alive, not chunks with empty choices.",
    applies_to=choosing,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR, AZURE],
    bad=[streamed(FIRST, chunk(choices=[]), *HELLO[1:])],
)
def empty_choices(x: Exchange) -> Iterator[Finding]:
    """Many clients read choices[0] unchecked, and crash if choices is empty."""
    for number, (found, choices) in enumerate(zip(answer_chunks(x), columns(x)["choices"], strict=True), 1):
        if choices != []:
            continue
        due = found.value.get("usage") or ("usage" in found.value and number == len(answer_chunks(x)))
        if not (due or is_annotation(found.value)):
            yield Finding(f"chunk {number} has empty choices and no usage", at=span_of(x, found))


@chunk_rule(
    "CHK010",
    MUST,
    "A stream has at least one choice",
    about="choices",
    fix="Send the content in chunks with choices before [DONE], or reject the request with an error status.",
    applies_to=listing,
    apis=WITH_CHOICES,
    good=[GOOD, streamed(FIRST, LAST, "[DONE]")],
    bad=[streamed(chunk(choices=[]), chunk(choices=[], usage=USAGE), "[DONE]")],
)
def no_choice(x: Exchange) -> Iterator[Finding]:
    """Clients see a success without content: they show nothing, or retry and pay each time."""
    if not parts(x):
        yield Finding(
            f"the stream ended normally, but none of its chunks ({len(answer_chunks(x))}) has a choice", at=span_of(x)
        )


@chunk_rule(
    "CHK011",
    MUST,
    "Every choice of a chunk has a delta object",
    about="choices",
    fix="Send delta in every choice, as {} if there is nothing new, and message in non-streaming responses only.",
    applies_to=in_chunks,
    good=[GOOD, VENDOR],
    bad=[
        streamed(FIRST, chunk(choices=[{"index": 0, "delta": None, "finish_reason": None}]), LAST),
        streamed(FIRST, chunk(choices=[{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}])),
    ],
)
def no_delta(x: Exchange) -> Iterator[Finding]:
    """Clients read delta.content unchecked: a null or missing delta raises an exception in the middle of the response."""
    for part in () if is_shaped(x) else parts(x):
        if not isinstance(part.choice.get("delta"), dict):
            instead = ", but a message" if "message" in part.choice else ""
            yield Finding(
                f"{choice_name(part)} has {describe_member(part.choice, 'delta')}{instead}", at=span_of(x, part)
            )


@chunk_rule(
    "CHK024",
    SHOULD,
    "A choice with a delta has no message",
    about="choices",
    fix="Send message in non-streaming responses only, and delta in chunks.",
    applies_to=in_chunks,
    good=[GOOD, VENDOR, streamed(chunk(choices=[{"index": 0, "delta": {}, "message": None, "finish_reason": "stop"}]))],
    bad=[
        streamed(
            *HELLO[:-2],
            chunk(choices=[{"index": 0, "delta": {}, "message": {"content": "Hello there."}, "finish_reason": "stop"}]),
            "[DONE]",
        )
    ],
)
def message_beside_delta(x: Exchange) -> Iterator[Finding]:
    """Clients that prefer message append the complete content to the deltas: the user reads it twice."""
    for part in parts(x):
        if part.choice.get("message") is not None and isinstance(part.choice.get("delta"), dict):
            yield Finding(
                f"{choice_name(part)} has both delta and {describe_member(part.choice, 'message')}", at=span_of(x, part)
            )


@chunk_rule(
    "CHK012",
    MUST,
    "Every choice of a chunk has an integer index from 0 to n - 1",
    about="choices",
    fix="Number the choices from 0, and send the index in every chunk of the choice.",
    applies_to=choosing,
    needs=("request",),
    apis=WITH_CHOICES,
    good=[GOOD, streamed(FIRST, chunk(choices=[{"index": 1, "delta": {}, "finish_reason": "stop"}]), body={"n": 2})],
    bad=[
        streamed(chunk(choices=[{"delta": {"content": "Hi"}, "finish_reason": None}])),
        streamed(chunk(choices=[{"index": 1, "delta": {"content": "Hi"}, "finish_reason": None}])),
        streamed(chunk(choices=[{"index": "0", "delta": {"content": "Hi"}, "finish_reason": None}])),
    ],
)
def wrong_index(x: Exchange) -> Iterator[Finding]:
    """Clients join deltas by index: without a valid one they crash, or merge two choices into one."""
    bound = requested_choices(x)
    for part in parts(x):
        index = part.choice.get("index")
        if not (is_integer(index) and 0 <= index < bound):
            yield Finding(
                f"a choice has {describe_member(part.choice, 'index')}",
                at=span_of(x, part),
                expected=f"0 to {bound - 1}",
            )
