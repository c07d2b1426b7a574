"""What a delta says: who speaks, and what is new."""

from collections.abc import Iterator

from conformance.exchange import Exchange
from conformance.read.chat import Part, answer, parts, place
from conformance.read.value import held, shown
from conformance.rules.chk.example import FIRST, GOOD, LAST, PIECES, VENDOR
from conformance.rules.chk.shape import choice_name, chunk_rule, first_parts
from conformance.rules.chk.when import choosing, filed
from conformance.rules.example import HELLO, chunk, streamed
from conformance.verdict import MUST, SHOULD, Finding, Skip, untestable


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
    for part in first_parts(x).values():
        if "delta" in part.choice and not part.delta.get("role"):
            yield Finding(f"the first delta of {choice_name(part)} has {held(part.delta, 'role')}", at=place(x, part))


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
