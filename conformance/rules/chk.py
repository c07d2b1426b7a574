"""CHK: the chunks of a Chat Completions stream, one by one and in their order.

Tool calls are judged by TOOL, usage by USE, errors inside the stream by ERR. The file is long because a family is one
file, and a rule with its examples is some twenty lines.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from conformance.exchange import Exchange
from conformance.read.chat import Part, answer, has_error, is_annotation, is_chunk, parts, place, said
from conformance.read.http1 import reply
from conformance.read.json_text import NOT_JSON
from conformance.read.request import choices_asked
from conformance.read.sse import DONE, Event, payloads, stream
from conformance.read.value import held, is_integer, shown
from conformance.rule import Example, Judge, Rule, When, rule
from conformance.rules.example import HELLO, chunk, streamed
from conformance.rules.when import streamed as is_streamed
from conformance.verdict import MUST, SHOULD, Finding, Level, Skip, not_applicable, untestable

SPEC = "https://platform.openai.com/docs/api-reference/chat/streaming"
FINISHES = ("stop", "length", "tool_calls", "content_filter", "function_call")
MILLISECONDS = 100_000_000_000
"""A time in seconds reaches this in the year 5138, one in milliseconds did in 1973."""

FIRST = chunk({"role": "assistant", "content": ""})
LAST = chunk(finish="stop")
USAGE = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
GOOD = streamed(*HELLO)
VENDOR = streamed(
    chunk({"role": "assistant", "content": None}, system_fingerprint=None, service_tier=None, x_vendor={"a": 1}),
    chunk({"role": "assistant", "content": "Hello there.", "reasoning_content": None}),
    LAST,
    chunk(choices=[], usage=USAGE),
    "[DONE]",
)
PIECES = streamed(FIRST, *(chunk({"content": text}) for text in ("Hel", "lo", " there.")), LAST, "[DONE]")
AZURE = streamed(
    chunk(id="", object="", created=0, model="", choices=[], prompt_filter_results=[{"prompt_index": 0}]), *HELLO
)


def chunk_rule(  # noqa: PLR0913 - as rule
    id: str,  # noqa: A002 - as rule
    level: Level,
    title: str,
    *,
    about: str,
    fix: str,
    when: When,
    good: Sequence[Example],
    bad: Sequence[Example],
) -> Callable[[Judge], Rule]:
    """A rule on the stream of the chat API; `about` is the field of the chunk object."""
    spec = f"{SPEC}#chat/streaming-{about}"
    return rule(id, level, title, spec=spec, fix=fix, when=when, good=good, bad=bad, apis=("chat",), modes=("stream",))


def chunked(x: Exchange) -> Skip | None:
    """A stream of chunks came."""
    if (skip := is_streamed(x)) or said(x):
        return skip
    return not_applicable("an error came in place of an answer") if has_error(x) else untestable("no chunk came")


def ended(x: Exchange) -> Skip | None:
    """A stream of chunks came to its end, without an error."""
    if skip := chunked(x):
        return skip
    if has_error(x):
        return not_applicable("the stream was broken off by an error")
    if not _is_through(x):
        return untestable("the stream was cut off")
    return untestable("an event holds no JSON") if NOT_JSON in payloads(x) else None


def _is_through(x: Exchange) -> bool:
    """Whether the end marker came, or the reply is complete and its last event is."""
    if DONE in payloads(x):
        return True
    last = stream(x).events[-1]
    return reply(x).complete and (last.terminated or last.is_done)


def choosing(x: Exchange) -> Skip | None:
    """Choices came in chunks."""
    return chunked(x) or (None if parts(x) else untestable("no choice came"))


def filed(x: Exchange) -> Skip | None:
    """Choices came in chunks, and can be told apart."""
    if (skip := choosing(x)) or choices_asked(x) == 1 or all(is_integer(part.choice.get("index")) for part in parts(x)):
        return skip
    return untestable("the choices have no index to be told apart by")


def finished(x: Exchange) -> Skip | None:
    """Choices came, and the stream came to its end."""
    return ended(x) or filed(x)


def _values(x: Exchange) -> Iterator[tuple[Event, Any]]:
    """What the events before the end marker hold, errors and text that is not JSON left out."""
    for event, value in zip(stream(x).dispatched, payloads(x), strict=True):
        if value is DONE:
            return
        if value is not NOT_JSON and not (isinstance(value, dict) and value.get("error")):
            yield event, value


def speaking(x: Exchange) -> Skip | None:
    """Events came that hold JSON and no error."""
    if (skip := is_streamed(x)) or any(True for _ in _values(x)):
        return skip
    return not_applicable("an error came in place of an answer") if has_error(x) else untestable("no event holds JSON")


def _each(x: Exchange, name: str, is_right: Callable[[Any], bool]) -> Iterator[Finding]:
    """A finding for each chunk whose field is missing or wrong."""
    for number, found in enumerate(said(x), 1):
        if not is_right(found.value.get(name)):
            yield Finding(f"chunk {number} has {held(found.value, name)}", at=place(x, found))


def _of(part: Part) -> str:
    return f"choice {part.slot}" if part.slot else "the choice"


@chunk_rule(
    "CHK001",
    MUST,
    "Every event of a chat stream holds one chunk: an object marked chat.completion.chunk",
    about="object",
    fix='Send one JSON object an event, with object: "chat.completion.chunk".',
    when=speaking,
    good=[GOOD, VENDOR, AZURE],
    bad=[
        streamed(*(p | {"object": "text_completion.chunk"} if isinstance(p, dict) else p for p in HELLO)),
        streamed({"text": "Hello"}, "[DONE]"),
        streamed(*HELLO[:2], [chunk()], *HELLO[2:]),
        streamed({k: v for k, v in FIRST.items() if k != "object"}, *HELLO[1:]),
    ],
)
def no_chunk(x: Exchange) -> Iterator[Finding]:
    """Typed clients decide by this field what an event is; with another value they refuse the stream or skip the text."""
    for event, value in _values(x):
        if not isinstance(value, dict):
            if not (isinstance(value, str) and value.strip().upper() == "[DONE]"):
                yield Finding(f"an event holds {shown(value)} where a chunk was due", at=place(x, event))
        elif not is_chunk(value):
            yield Finding("an event holds an object that is no chunk: neither object nor choices", at=place(x, event))
        elif value.get("object") != "chat.completion.chunk" and (value.get("object") or not is_annotation(value)):
            yield Finding(f"a chunk has {held(value, 'object')}", at=place(x, event))


@chunk_rule(
    "CHK002",
    MUST,
    "Every chunk has a string as its id",
    about="id",
    fix="Make an id when the request arrives and put it into every chunk.",
    when=chunked,
    good=[GOOD, AZURE],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, id=None), LAST), streamed(chunk({"content": "Hi"}, id=7))],
)
def no_id(x: Exchange) -> Iterator[Finding]:
    """The OpenAI SDKs' stream helpers and Letta can't assemble chunks that have no id: the turn ends in an exception."""
    yield from _each(x, "id", lambda value: isinstance(value, str))


@chunk_rule(
    "CHK003",
    MUST,
    "All chunks of a stream have the same id",
    about="id",
    fix="Make the id once a request, not once a chunk.",
    when=chunked,
    good=[GOOD, AZURE, streamed(*HELLO[:3], chunk(finish="stop", id=""), "[DONE]")],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, id="chatcmpl-2"), chunk(finish="stop", id="chatcmpl-3"), "[DONE]")],
)
def changing_id(x: Exchange) -> Iterator[Finding]:
    """Whoever gathers chunks by id shows one answer as many messages."""
    first = ""
    for number, found in enumerate(said(x), 1):
        name = found.value.get("id")
        if isinstance(name, str) and name and name != (first := first or name):
            seen = f"chunk {number} has id {shown(name)}, the first one had {shown(first)}"
            yield Finding(seen, at=place(x, found))


@chunk_rule(
    "CHK004",
    MUST,
    "Every chunk has an integer as its time of creation",
    about="created",
    fix="Set created to the Unix time in whole seconds, as a number.",
    when=chunked,
    good=[GOOD, AZURE, streamed(chunk({"content": "Hi"}, created=0))],
    bad=[
        streamed(chunk({"content": "Hi"}, created="2026-11-01")),
        streamed(chunk(created=1.5)),
        streamed(chunk(created=None)),
    ],
)
def no_created(x: Exchange) -> Iterator[Finding]:
    """Typed clients (Go, Rust, Java, Letta's models) refuse the whole chunk where the time is no integer."""
    yield from _each(x, "created", is_integer)


@chunk_rule(
    "CHK005",
    SHOULD,
    "The time of creation is in seconds, and the same in all chunks of a stream",
    about="created",
    fix="Take the time once, when the request arrives, in seconds since 1970.",
    when=chunked,
    good=[GOOD, AZURE],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, created=1_760_000_001)), streamed(chunk(created=1_760_000_000_000))],
)
def odd_created(x: Exchange) -> Iterator[Finding]:
    """Logs and caches sort answers by it; milliseconds overflow the 32 bits that some clients keep it in."""
    first: int | float | None = None
    for number, found in enumerate(said(x), 1):
        created = found.value.get("created")
        if not is_integer(created):
            continue
        first = created if first is None else first
        if not -1 < created < MILLISECONDS:
            yield Finding(
                f"chunk {number} has created {shown(created)}, which is no time in seconds", at=place(x, found)
            )
            return
        if created != first:
            yield Finding(
                f"chunk {number} has created {shown(created)}, the first one had {shown(first)}", at=place(x, found)
            )
            return


@chunk_rule(
    "CHK006",
    MUST,
    "Every chunk names its model in a string",
    about="model",
    fix="Put the model's name into every chunk.",
    when=chunked,
    good=[GOOD, AZURE],
    bad=[
        streamed(FIRST, chunk({"content": "Hi"}, model=None), LAST),
        streamed({k: v for k, v in FIRST.items() if k != "model"}),
    ],
)
def no_model(x: Exchange) -> Iterator[Finding]:
    """Letta and typed clients refuse chunks without a model; prices are looked up by it."""
    yield from _each(x, "model", lambda value: isinstance(value, str))


@chunk_rule(
    "CHK007",
    SHOULD,
    "A chunk's id and model are not blank",
    about="id",
    fix="Fill in id and model in every chunk, the one with the usage included.",
    when=chunked,
    good=[GOOD, AZURE],
    bad=[streamed(FIRST, chunk({"content": "Hi"}, id="", model=""), LAST)],
)
def blank_name(x: Exchange) -> Iterator[Finding]:
    """An answer without a name can't be traced from a user's complaint to the server's log."""
    for name in ("id", "model"):
        yield from _each(x, name, lambda value: value != "")


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
    for number, found in enumerate(said(x), 1):
        choices = found.value.get("choices")
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
        due = found.value.get("usage") or ("usage" in found.value and number == len(said(x)))
        if found.value.get("choices") == [] and not (due or is_annotation(found.value)):
            yield Finding(f"chunk {number} has neither choices nor usage", at=place(x, found))


def listing(x: Exchange) -> Skip | None:
    """A stream of chunks came to its end, and all of them have lists of choices."""
    if skip := ended(x):
        return skip
    clear = all(isinstance(found.value.get("choices"), list) for found in said(x))
    return None if clear else untestable("a chunk has no list of choices")


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
    when=choosing,
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
            yield Finding(f"{_of(part)} has {held(part.choice, 'delta')}{instead}", at=place(x, part))


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


def _firsts(x: Exchange) -> dict[int, Part]:
    """The first part of each choice."""
    found: dict[int, Part] = {}
    for part in parts(x):
        found.setdefault(part.slot, part)
    return found


@chunk_rule(
    "CHK013",
    SHOULD,
    "The first delta of a choice names the role",
    about="choices",
    fix='Begin each choice with delta: {"role": "assistant", "content": ""}.',
    when=choosing,
    good=[GOOD, VENDOR],
    bad=[streamed(chunk({"content": "Hi"}), LAST), streamed(chunk({"content": ""}), FIRST, LAST)],
)
def late_role(x: Exchange) -> Iterator[Finding]:
    """The helper of the OpenAI Node SDK ends with an error where no role came; others begin the message by it."""
    for part in _firsts(x).values():
        if "delta" in part.choice and not part.delta.get("role"):
            yield Finding(f"the first delta of {_of(part)} has {held(part.delta, 'role')}", at=place(x, part))


@chunk_rule(
    "CHK014",
    MUST,
    "The role of an answer is assistant",
    about="choices",
    fix='Send role: "assistant", or leave the role out of later deltas.',
    when=choosing,
    good=[GOOD, VENDOR, streamed(FIRST, chunk({"role": None, "content": "Hi"}), LAST)],
    bad=[
        streamed(chunk({"role": "user", "content": "Hi"}), LAST),
        streamed(chunk({"role": "", "content": "Hi"}), LAST),
    ],
)
def wrong_role(x: Exchange) -> Iterator[Finding]:
    """LangChain makes another kind of message of another role, and the Vercel AI SDK refuses the chunk."""
    for part in parts(x):
        if part.delta.get("role", "assistant") not in ("assistant", None):
            yield Finding(f"a delta has {held(part.delta, 'role')}", at=place(x, part))


@chunk_rule(
    "CHK015",
    MUST,
    "The content of a delta is a string or null",
    about="choices",
    fix="Send text as a plain string; content parts belong to requests.",
    when=choosing,
    good=[GOOD, VENDOR],
    bad=[
        streamed(FIRST, chunk({"content": [{"type": "text", "text": "Hi"}]}), LAST),
        streamed(FIRST, chunk({"content": 7}), LAST),
    ],
)
def content_no_string(x: Exchange) -> Iterator[Finding]:
    """Clients add content to the text so far: anything but a string is an exception, or `[object Object]` on the screen."""
    for part in parts(x):
        content = part.delta.get("content")
        if content is not None and not isinstance(content, str):
            yield Finding(f"a delta's content is {shown(content)}", at=place(x, part))


@chunk_rule(
    "CHK016",
    SHOULD,
    "Every choice of a chunk says finish_reason, null until its end",
    about="choices",
    fix="Keep the key: do not leave null fields out when chunks are serialised.",
    when=choosing,
    good=[GOOD, VENDOR],
    bad=[streamed(FIRST, chunk(choices=[{"index": 0, "delta": {"content": "Hi"}}]), LAST)],
)
def finish_reason_left_out(x: Exchange) -> Iterator[Finding]:
    """Clients with strict schemas refuse a choice that lacks the key."""
    for part in parts(x):
        if "finish_reason" not in part.choice:
            yield Finding(
                f"{_of(part)} has no finish_reason", at=place(x, part), expected="null, or the reason at the end"
            )


@chunk_rule(
    "CHK017",
    MUST,
    "Every choice ends with a finish_reason",
    about="choices",
    fix="End each choice with a chunk whose delta is {} and whose finish_reason tells why the model stopped.",
    when=finished,
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
    """Without it an answer can't be told from a broken one: hermes asks on, pays four times and shows the text four times."""
    firsts = _firsts(x)
    for choice in answer(x).choices:
        if not choice.finishes:
            last = next(part for part in reversed(parts(x)) if part.slot == choice.index)
            yield Finding(f"{_of(firsts[choice.index])} never has a finish_reason", at=place(x, last))


@chunk_rule(
    "CHK018",
    SHOULD,
    "A choice has its finish_reason once",
    about="choices",
    fix="Send finish_reason in the last chunk of the choice only; chunks after it (usage) have none.",
    when=filed,
    good=[GOOD, VENDOR],
    bad=[streamed(*HELLO[:-1], LAST, "[DONE]"), streamed(*HELLO[:-1], chunk(finish="length"), "[DONE]")],
)
def finished_twice(x: Exchange) -> Iterator[Finding]:
    """Clients close the message at the first one; the second closes the next message, or says something else."""
    seen: dict[int, Any] = {}
    for part in parts(x):
        reason = part.choice.get("finish_reason")
        if reason and part.slot in seen:
            said_before = shown(seen[part.slot])
            yield Finding(f"{_of(part)} has finish_reason {shown(reason)} after {said_before}", at=place(x, part))
        elif reason:
            seen[part.slot] = reason


@chunk_rule(
    "CHK019",
    SHOULD,
    "A finish_reason is one of the five that are defined, or null",
    about="choices",
    fix="Translate the engine's own reasons into stop, length, tool_calls or content_filter.",
    when=choosing,
    good=[GOOD, streamed(*HELLO[:-2], chunk(finish="length"), "[DONE]")],
    bad=[streamed(*HELLO[:-2], chunk(finish="eos"), "[DONE]"), streamed(chunk({"content": "Hi"}, finish=""), LAST)],
)
def unknown_finish_reason(x: Exchange) -> Iterator[Finding]:
    """Clients with typed enumerations refuse it, the others treat the end as unknown."""
    told: set[str] = set()
    for part in parts(x):
        reason = part.choice.get("finish_reason")
        if reason is not None and not (isinstance(reason, str) and reason in FINISHES) and shown(reason) not in told:
            told.add(shown(reason))
            yield Finding(f"finish_reason is {shown(reason)}", at=place(x, part), expected=", ".join(FINISHES))


@chunk_rule(
    "CHK020",
    MUST,
    "Nothing is added to a choice after its finish_reason",
    about="choices",
    fix="Send finish_reason after the last text and the last tool call.",
    when=filed,
    good=[GOOD, VENDOR, streamed(*HELLO[:-1], chunk({"content": ""}, usage=USAGE), "[DONE]")],
    bad=[streamed(*HELLO[:2], LAST, chunk({"content": " there."}), "[DONE]")],
)
def text_after_the_end(x: Exchange) -> Iterator[Finding]:
    """Clients that stop reading at the end of the choice lose what comes after it."""
    over: set[int] = set()
    for part in parts(x):
        if part.slot in over and (part.delta.get("content") or part.delta.get("tool_calls")):
            yield Finding(f"{_of(part)} goes on after its finish_reason", at=place(x, part))
        elif part.choice.get("finish_reason"):
            over.add(part.slot)


def piecemeal(x: Exchange) -> Skip | None:
    """Text came in at least three pieces."""
    if (skip := filed(x)) or any(len(choice.pieces) > 2 for choice in answer(x).choices):
        return skip
    return untestable("the text came in fewer than three pieces")


@chunk_rule(
    "CHK021",
    MUST,
    "A delta holds what is new, not all the text so far",
    about="choices",
    fix="Send only the text that was added since the last chunk.",
    when=piecemeal,
    good=[PIECES, streamed(FIRST, *[chunk({"content": "ha"})] * 3, LAST)],
    bad=[streamed(FIRST, *(chunk({"content": t}) for t in ("Hello", "Hello there", "Hello there.")), LAST)],
)
def cumulative_deltas(x: Exchange) -> Iterator[Finding]:
    """Clients add the deltas up: the user reads `HelloHello there` and so on."""
    for choice in answer(x).choices:
        pieces = choice.pieces
        if len(set(pieces)) > 2 and all(map(str.startswith, pieces[1:], pieces)):
            seen = f"each of {len(pieces)} deltas repeats the text before it: {shown(pieces[1])}, {shown(pieces[2])}"
            yield Finding(seen, at=place(x, _last_text(x, choice.index)))


@chunk_rule(
    "CHK022",
    MUST,
    "The last delta does not repeat the whole answer",
    about="choices",
    fix="End with an empty delta; the text has been sent.",
    when=piecemeal,
    good=[PIECES, streamed(FIRST, *[chunk({"content": "ha"})] * 2, chunk({"content": "haha"}), LAST)],
    bad=[streamed(*HELLO[:-2], chunk({"content": "Hello there."}, finish="stop"), "[DONE]")],
)
def answer_repeated(x: Exchange) -> Iterator[Finding]:
    """Clients add the deltas up: the user reads the answer twice."""
    for choice in answer(x).choices:
        *before, last = choice.pieces or ("",)
        if len(before) > 1 and len(last) >= 8 and last == "".join(before) and last not in (last + last)[1:-1]:
            seen = f"the last delta repeats all the text before it: {shown(last)}"
            yield Finding(seen, at=place(x, _last_text(x, choice.index)))


def _last_text(x: Exchange, slot: int) -> Part:
    return next(part for part in reversed(parts(x)) if part.slot == slot and part.delta.get("content"))


@chunk_rule(
    "CHK023",
    SHOULD,
    "The chunk with the finish_reason adds no text",
    about="choices",
    fix="Send the last text in a chunk of its own, and then finish_reason with an empty delta.",
    when=choosing,
    good=[GOOD, VENDOR],
    bad=[streamed(*HELLO[:2], chunk({"content": " there."}, finish="stop"), "[DONE]")],
)
def text_in_the_last_chunk(x: Exchange) -> Iterator[Finding]:
    """Both forms are in use, but clients that stop at the finish_reason never look at that chunk's text: the last words are lost."""
    for part in parts(x):
        if part.choice.get("finish_reason") and part.delta.get("content"):
            yield Finding(f"{_of(part)} ends in a chunk that also holds text", at=place(x, part))
