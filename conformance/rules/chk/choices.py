"""The choices of a chunk: their list, their deltas and their numbers."""

from collections.abc import Iterator

from conformance.apis.chat import is_annotation, parts, place, said
from conformance.apis.request import choices_asked
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import held, is_integer
from conformance.rules.chk.conditions import choosing, chunked, in_chunks, listing
from conformance.rules.chk.example import AZURE, FIRST, GOOD, LAST, USAGE, VENDOR
from conformance.rules.chk.shape import choice_name, chunk_rule
from conformance.rules.example import HELLO, chunk, streamed


@chunk_rule(
    "CHK008",
    MUST,
    "Every chunk has a list of choices, which are objects",
    about="choices",
    fix="Send choices in every chunk; an empty list where a chunk carries only usage.",
    when=chunked,
    good=[GOOD, VENDOR],
    bad=[
        streamed(FIRST, chunk(choices=None), LAST),
        streamed(FIRST, {k: v for k, v in FIRST.items() if k != "choices"}, LAST),
        streamed(chunk(choices=["Hello"])),
    ],
)
def no_choices(x: Exchange) -> Iterator[Finding]:
    """Stream helpers loop over choices and crash on null; the Vercel AI SDK turns the finished answer into an error."""
    lists = [found.value.get("choices") for found in said(x)]
    lengths = [len(choices) for choices in lists if isinstance(choices, list)]
    if len(lengths) == len(lists) and sum(lengths) == len(parts(x)):
        return
    for number, (found, choices) in enumerate(zip(said(x), lists, strict=True), 1):
        if not isinstance(choices, list):
            yield Finding(f"chunk {number} has {held(found.value, 'choices')}", at=place(x, found), expected="a list")
        elif not all(type(choice) is dict for choice in choices):
            yield Finding(f"chunk {number} has a choice that is no object", at=place(x, found))


@chunk_rule(
    "CHK009",
    SHOULD,
    "Only a chunk with the usage has no choices",
    about="choices",
    fix="Keep a connection alive with SSE comments, not with empty chunks.",
    when=choosing,
    good=[GOOD, VENDOR, AZURE],
    bad=[streamed(FIRST, chunk(choices=[]), *HELLO[1:])],
)
def empty_choices(x: Exchange) -> Iterator[Finding]:
    """Many clients read choices[0] unasked, and crash on the chunk that has none."""
    for number, found in enumerate(said(x), 1):
        if found.value.get("choices") != []:
            continue
        due = found.value.get("usage") or ("usage" in found.value and number == len(said(x)))
        if not (due or is_annotation(found.value)):
            yield Finding(f"chunk {number} has neither choices nor usage", at=place(x, found))


@chunk_rule(
    "CHK010",
    MUST,
    "A stream brings at least one choice",
    about="choices",
    fix="Send the answer in chunks with choices before [DONE], or refuse the request with a status.",
    when=listing,
    good=[GOOD, streamed(FIRST, LAST, "[DONE]")],
    bad=[streamed(chunk(choices=[]), chunk(choices=[], usage=USAGE), "[DONE]")],
)
def no_answer(x: Exchange) -> Iterator[Finding]:
    """The incident's twin: clients see a success without an answer, come up empty or ask again, and pay each time."""
    if not parts(x):
        yield Finding(f"the stream ended well, but its chunks ({len(said(x))}) hold no choice", at=place(x))


@chunk_rule(
    "CHK011",
    MUST,
    "Every choice of a chunk has a delta, which is an object",
    about="choices",
    fix="Send delta in every choice, {} where there is nothing new; message belongs to whole answers.",
    when=in_chunks,
    good=[GOOD, VENDOR],
    bad=[
        streamed(FIRST, chunk(choices=[{"index": 0, "delta": None, "finish_reason": None}]), LAST),
        streamed(FIRST, chunk(choices=[{"index": 0, "message": {"content": "Hi"}, "finish_reason": "stop"}])),
    ],
)
def no_delta(x: Exchange) -> Iterator[Finding]:
    """Clients read delta.content without looking: null or a missing delta ends the turn with an exception half-way."""
    for part in parts(x):
        if not isinstance(part.choice.get("delta"), dict):
            instead = ", but a message" if "message" in part.choice else ""
            yield Finding(f"{choice_name(part)} has {held(part.choice, 'delta')}{instead}", at=place(x, part))


@chunk_rule(
    "CHK024",
    SHOULD,
    "A choice of a chunk has no message beside its delta",
    about="choices",
    fix="Leave message out of chunks: whoever wants the whole answer in one piece asks without stream.",
    when=in_chunks,
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
    """Clients that look for a message first add the whole answer to the text that they have: the user reads it twice."""
    for part in parts(x):
        if isinstance(part.choice.get("delta"), dict) and part.choice.get("message") is not None:
            yield Finding(f"{choice_name(part)} has a delta and {held(part.choice, 'message')}", at=place(x, part))


@chunk_rule(
    "CHK012",
    MUST,
    "Every choice of a chunk has an index, which counts from 0 to below n",
    about="choices",
    fix="Number the choices from 0, and repeat the number in every chunk of the choice.",
    when=choosing,
    good=[GOOD, streamed(FIRST, chunk(choices=[{"index": 1, "delta": {}, "finish_reason": "stop"}]), body={"n": 2})],
    bad=[
        streamed(chunk(choices=[{"delta": {"content": "Hi"}, "finish_reason": None}])),
        streamed(chunk(choices=[{"index": 1, "delta": {"content": "Hi"}, "finish_reason": None}])),
        streamed(chunk(choices=[{"index": "0", "delta": {"content": "Hi"}, "finish_reason": None}])),
    ],
)
def wrong_index(x: Exchange) -> Iterator[Finding]:
    """Clients file the text under the index: without a right one they crash, or mix two answers into one."""
    bound = choices_asked(x)
    for part in parts(x):
        index = part.choice.get("index")
        if not (is_integer(index) and 0 <= index < bound):
            yield Finding(f"a choice has {held(part.choice, 'index')}", at=place(x, part), expected=f"0 to {bound - 1}")
