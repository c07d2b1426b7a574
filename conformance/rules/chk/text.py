"""A delta's role and new text."""

from collections.abc import Iterator

from conformance.apis.chat import chat_content, parts_with, span_of
from conformance.apis.text_choices import in_chat_form
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged
from conformance.model.words import WITH_CHOICES
from conformance.parsing.json_values import as_array, as_object, describe_member, display
from conformance.rules.chk.conditions import choosing, has_valid_indexes, opened
from conformance.rules.chk.example import FIRST, GOOD, LAST, PIECES, VENDOR
from conformance.rules.chk.shape import choice_name, chunk_rule, first_parts
from conformance.rules.example import HELLO, chunk, streamed
from conformance.rules.shared_checks import GROWTHS, cumulative, in_pieces


@chunk_rule(
    "CHK013",
    SHOULD,
    "The first delta of a choice has the role",
    about="choices",
    fix='Begin each choice with delta: {"role": "assistant", "content": ""}.',
    applies_to=opened,
    good=[GOOD, VENDOR],
    bad=[streamed(chunk({"content": "Hi"}), LAST), streamed(chunk({"content": ""}), FIRST, LAST)],
)
def late_role(x: Exchange) -> Iterator[Finding]:
    """openai-node's stream helper raises an error without a role; other clients begin the message at the role."""
    for part in first_parts(x).values():
        if "delta" in part.choice and not part.delta.get("role"):
            yield Finding(
                f"the first delta of {choice_name(part)} has {describe_member(part.delta, 'role')}", at=span_of(x, part)
            )


@chunk_rule(
    "CHK014",
    MUST,
    "The role of a delta is assistant",
    about="choices",
    fix='Send role: "assistant" in the first delta, and omit the role in later ones.',
    applies_to=choosing,
    good=[GOOD, VENDOR, streamed(FIRST, chunk({"role": None, "content": "Hi"}), LAST)],
    bad=[
        streamed(chunk({"role": "user", "content": "Hi"}), LAST),
        streamed(chunk({"role": "", "content": "Hi"}), LAST),
    ],
)
def wrong_role(x: Exchange) -> Iterator[Finding]:
    """LangChain creates another kind of message for another role, and the Vercel AI SDK rejects the chunk."""
    for part in parts_with(x, "role"):
        if part.delta["role"] != "assistant":
            yield Finding(f"a delta has {describe_member(part.delta, 'role')}", at=span_of(x, part))


@chunk_rule(
    "CHK015",
    MUST,
    "The content of a delta is a string or null",
    about="choices",
    fix="Send content as a plain string, without content parts, which are for requests only.",
    applies_to=choosing,
    good=[GOOD, VENDOR],
    bad=[
        streamed(FIRST, chunk({"content": [{"type": "text", "text": "Hi"}]}), LAST),
        streamed(FIRST, chunk({"content": 7}), LAST),
    ],
)
def content_no_string(x: Exchange) -> Iterator[Finding]:
    """Clients append content to a string: any other type raises an exception, or is shown as `[object Object]`."""
    for part in parts_with(x, "content"):
        if not isinstance(part.delta["content"], str):
            yield Finding(f"a delta's content is {display(part.delta['content'])}", at=span_of(x, part))


def piecemeal(x: Exchange) -> NotJudged | None:
    """Chunks with distinguishable choices were received, with several text deltas."""
    return has_valid_indexes(x) or in_pieces(x)


@chunk_rule(
    "CHK021",
    MUST,
    "A delta contains only new content, not all the content so far",
    about="choices",
    fix="Send only the content added since the last chunk.",
    applies_to=piecemeal,
    apis=WITH_CHOICES,
    good=[PIECES, streamed(FIRST, *[chunk({"content": "ha"})] * 3, LAST)],
    bad=[streamed(FIRST, *(chunk({"content": "Hello there, you."[:n]}) for n in (5, 11, 12, 16, 17)), LAST)],
)
def cumulative_deltas(x: Exchange) -> Iterator[Finding | NotJudged]:
    """Clients concatenate the deltas: the user reads `HelloHello there` and so on."""
    yield from cumulative(x, lambda choice: _is_one_token_each(x, choice.index))


@chunk_rule(
    "CHK022",
    MUST,
    "The last delta does not repeat the complete content",
    about="choices",
    fix="End the choice with an empty delta, {}, and finish_reason.",
    applies_to=piecemeal,
    apis=WITH_CHOICES,
    good=[PIECES, streamed(FIRST, *[chunk({"content": "ha"})] * 2, chunk({"content": "haha"}), LAST)],
    bad=[streamed(*HELLO[:-2], chunk({"content": "Hello there."}, finish="stop"), "[DONE]")],
)
def content_repeated_at_the_end(x: Exchange) -> Iterator[Finding]:
    """Clients concatenate the deltas: the user reads the content twice."""
    for choice in chat_content(x).choices:
        *before, last = choice.pieces or ("",)
        is_whole = len(before) > 1 and len(last) >= 8 and last == "".join(before)
        if is_whole and last not in (last + last)[1:-1] and not _is_one_token_each(x, choice.index):
            seen = f"the last delta repeats all the content before it: {display(last)}"
            yield Finding(seen, at=span_of(x, choice.last_text))


@chunk_rule(
    "CHK025",
    MUST,
    "Each delta is sent once",
    about="choices",
    fix="Send each chunk once: look for a callback that is registered twice, or a queue that is consumed twice.",
    applies_to=piecemeal,
    apis=WITH_CHOICES,
    good=[PIECES, streamed(FIRST, *[chunk({"content": "ha"})] * 10, LAST)],
    bad=[streamed(FIRST, *(chunk({"content": t}) for t in ("Hello", " there", ",", " you", ".") for _ in "12"), LAST)],
)
def deltas_sent_twice(x: Exchange) -> Iterator[Finding]:
    """Clients concatenate the deltas: the user reads `HelloHello there there` and so on."""
    for choice in chat_content(x).choices:
        firsts, seconds = choice.pieces[::2], choice.pieces[1::2]
        if firsts == seconds and len(firsts) > GROWTHS and len(set(firsts)) >= GROWTHS:
            seen = f"all {len(firsts)} deltas are sent twice: {display(firsts[0])}, {display(seconds[0])} and so on"
            yield Finding(seen, at=span_of(x, choice.last_text))


def _is_one_token_each(x: Exchange, slot: int) -> bool:
    """Whether log probabilities show that each text delta is one token: then the model generated the repetition."""
    texts = [part for part in parts_with(x, "content") if part.slot == slot and part.delta["content"]]
    for part in texts:
        choice = in_chat_form(part.choice) if x.api == "completions" else part.choice
        tokens = as_array(as_object(choice.get("logprobs")).get("content"))
        if [as_object(token).get("token") for token in tokens] != [part.delta["content"]]:
            return False
    return bool(texts)
