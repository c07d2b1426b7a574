"""Log probabilities in lists, of the completion and of an echoed prompt: what evaluations are computed from."""

from collections.abc import Iterator
from math import ceil
from typing import Any, Final

from conformance.apis.chat import parts, span_of, whole_choices
from conformance.apis.echoed import choices_per_prompt, has_prompt, with_prompts
from conformance.apis.logprobs import UNREADABLE, entries, joined_tokens, requested_alternatives, requests_logprobs
from conformance.apis.request_fields import echoes, requested_cap, requested_choices
from conformance.apis.response_content import response_content
from conformance.apis.text_choices import BYTES, LogprobLists, logprob_lists
from conformance.apis.usage import usage
from conformance.field_support.capability import effect_shown, warned
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.parsing.json_body import json_body
from conformance.parsing.json_values import Object, as_object, as_string, describe_member, display, is_integer
from conformance.parsing.sse import Event
from conformance.rules.conditions_by_api import finished, has_content
from conformance.rules.cpl.example import asking, choice, chunk, scored, stream, whole
from conformance.rules.cpl.prompts import token_ids
from conformance.rules.cpl.spec import COMPLETIONS, CREATE, OBJECT

SPEC: Final = f"{OBJECT}#completions/object-choices"
ASKED: Final = asking("witness", "logprobs", logprobs=2, max_tokens=2)
ECHO: Final = asking("witness", "echo.score", prompt="Say it", echo=True, logprobs=1, max_tokens=1)
IDS: Final = asking("witness", "echo.token-ids", prompt=[[70, 71]], echo=True, logprobs=1, max_tokens=1)
PROMPT: Final = ("Say", " it")
TEXT: Final = whole(choice("Say it now", finish="length"), **asking("witness", "echo", prompt="Say it", echo=True))


def response(*tokens: str, facts: dict[str, Any] = ASKED, **changes: Any) -> Exchange:
    """A response of these tokens, with their log probabilities; `changes` replace lists of theirs."""
    first = None if facts["body"].get("echo") else -0.5
    part = choice("".join(tokens), finish="length", logprobs=scored(*tokens, first=first, **changes))
    return whole(part, words=1, **facts)


GOOD: Final = response("Hi", " you")
ECHOED: Final = response(*PROMPT, " now", facts=ECHO)
STREAM: Final = stream(
    chunk(choice("Hi", finish=None, logprobs=scored("Hi"))),
    chunk(choice(" you", finish="length", logprobs=scored(" you", begin=2))),
    **ASKED,
)


def _requested(x: Exchange) -> NotJudged | None:
    """Log probabilities were requested, and a choice has some."""
    if not requests_logprobs(x):
        return OUT_OF_SCOPE
    return has_content(x) or (None if any(_lists(x)) else not_applicable("the response has no logprobs"))


def _lists(x: Exchange) -> Iterator[tuple[Event | None, int, Any, LogprobLists]]:
    """The log probabilities of each choice, or part of one: its event, its index, the value as sent, and its lists."""
    value = json_body(x)
    found: Iterator[tuple[Event | None, int, Object]]
    if value is not None:
        found = ((None, index, one) for index, one, _ in whole_choices(as_object(value)))
    else:
        found = ((part.chunk.event, part.slot, part.choice) for part in parts(x))
    for event, index, part in found:
        if lists := logprob_lists(part):
            yield event, index, part["logprobs"], lists


@rule(
    "CPL011",
    MUST,
    "logprobs has lists with one entry a token: tokens, token_logprobs, and any others as long",
    spec=SPEC,
    fix="Send tokens, token_logprobs, top_logprobs and text_offset as lists of equal length: `content` is for chat completions.",
    applies_to=_requested,
    apis=COMPLETIONS,
    good=[GOOD, STREAM, response("Hi", top_logprobs=None), ECHOED],
    bad=[
        whole(choice("Hi", logprobs={"content": [{"token": "Hi", "logprob": -0.5}]}), **ASKED),
        response("Hi", " you", token_logprobs=[-0.5]),
        response("Hi", " you", top_logprobs=[{"Hi": -0.5}]),
        response("Hi", " you", text_offset=[0]),
        whole(choice("Hi", logprobs=[-0.5]), **ASKED),
        stream(chunk(choice("Hi", finish=None, logprobs={"tokens": ["Hi"]})), **ASKED),
    ],
)
def no_lists(x: Exchange) -> Iterator[Finding]:
    """Evaluations add up token_logprobs and compare them with top_logprobs, position by position: they crash, or are wrong."""
    for event, _, sent, lists in _lists(x):
        if lists.tokens is None or lists.token_logprobs is None:
            missing = f"{describe_member(sent, 'tokens')} and {describe_member(sent, 'token_logprobs')}"
            instead = ", but content, as in chat completions" if "content" in as_object(sent) else ""
            yield Finding(f"`logprobs` has {missing}{instead}", at=span_of(x, event), expected="two lists")
            return
        lengths = {name: len(value) for name, value in lists._asdict().items() if value is not None}
        if len(set(lengths.values())) > 1:
            seen = ", ".join(f"{number} {name}" for name, number in lengths.items())
            yield Finding(f"the lists of `logprobs` differ in length: {seen}", at=span_of(x, event))
            return


def _requested_without_alternatives(x: Exchange) -> NotJudged | None:
    """Log probabilities without alternatives were requested, and text was received."""
    if not requests_logprobs(x) or requested_alternatives(x) != 0 or echoes(x):
        return OUT_OF_SCOPE
    has_text = any(choice.text for choice in response_content(x).choices)
    return has_content(x) or (None if has_text else untestable("the response has no text"))


NONE: Final = asking("form", "logprobs-zero", logprobs=0, max_tokens=2)


@rule(
    "CPL019",
    SHOULD,
    "logprobs: 0 returns the log probability of each token",
    spec=f"{CREATE}#completions/create-logprobs",
    fix="Tell 0 from null: list each token with its log probability, and no alternatives.",
    applies_to=_requested_without_alternatives,
    needs=("headers",),
    apis=COMPLETIONS,
    good=[response("Hi", " you", facts=NONE, top_logprobs=None), response("Hi", " you", facts=NONE)],
    bad=[whole(choice("Hi you", finish="length"), **NONE), stream(chunk(choice("Hi", finish="length")), **NONE)],
)
def zero_treated_as_null(x: Exchange) -> Iterator[Finding]:
    """A client that needs the chosen tokens alone gets nothing, and pays for the request again."""
    if not entries(x) and not warned(x, "logprobs"):
        seen = "`logprobs: 0` was silently ignored: the response has no log probabilities"
        yield Finding(seen, at=span_of(x))


def _echoed(x: Exchange) -> NotJudged | None:
    """The request asks for its prompts and their log probabilities, and complete choices with some were received."""
    return (finished(x) or _requested(x)) if echoes(x) else OUT_OF_SCOPE


@rule(
    "CPL012",
    MUST,
    "With echo, every prompt token has a log probability, except the first",
    spec=SPEC,
    fix="Score the prompt's tokens too if `echo` and `logprobs` are set, or reject the two together with 400.",
    applies_to=_echoed,
    apis=COMPLETIONS,
    good=[
        ECHOED,
        response("<s>", *PROMPT, facts=ECHO),
        response("bytes:\\xf0\\x9f", "bytes:\\x99\\x82", " now", facts=IDS, text_offset=[0, 0, 1]),
    ],
    bad=[
        whole(choice("Say it now", finish="length", logprobs=scored(" now", begin=6)), **ECHO),
        response(*PROMPT, " now", facts=ECHO, token_logprobs=[None, None, -0.5]),
    ],
)
def prompt_not_scored(x: Exchange) -> Iterator[Finding]:
    """A score is the sum of the log probabilities of a part of the prompt: it is that of other tokens, or can't be computed."""
    for number, entry in enumerate(entries(x)):
        value = as_object(entry.value)
        if "logprob" in value and value["logprob"] is None and not entry.is_first:
            seen = f"token {number} of `logprobs`, {display(value.get('token'))}, has no log probability"
            yield Finding(seen, at=span_of(x, entry.part))
            return
    tokens = {choice.index: joined_tokens(choice) for choice in response_content(x).choices}
    for index, text, prompt in with_prompts(x):
        if has_prompt(text, prompt) and UNREADABLE not in tokens[index] and prompt.strip() not in tokens[index]:
            seen = f"choice {index} begins with its prompt, but the tokens of `logprobs` are those of {display(tokens[index])}"
            yield Finding(seen, at=span_of(x))


def _of_ids(x: Exchange) -> NotJudged | None:
    """As _echoed, where all prompts are lists of token IDs, and the completion tokens have a cap."""
    return _echoed(x) if token_ids(x) and requested_cap(x) else OUT_OF_SCOPE


@rule(
    "CPL013",
    MUST,
    "With echo, a prompt of token IDs has one entry in logprobs for each of them",
    spec=SPEC,
    fix="Pass token IDs to the model as they are, without a token at the beginning, and list each of them.",
    applies_to=_of_ids,
    needs=("request",),
    apis=COMPLETIONS,
    good=[(response("F", "G", " now", facts=IDS), TEXT), (response("F", "G", facts=IDS), TEXT)],
    bad=[(response("<s>", "F", "G", " now", facts=IDS), TEXT), (response(" now", facts=IDS), TEXT)],
    compares_with={"text": Compare(Kind.EFFECT, "echo", mode="unary", optional=True)},
)
def entries_of_other_tokens(x: Exchange, text: Exchange | None) -> Iterator[Finding | NotJudged]:
    """Evaluations find the part to score by the number of IDs before it: it is off by one, and so is every result."""
    ids, each = token_ids(x), choices_per_prompt(x)
    most = _most_generated(x)
    for one in response_content(x).choices:
        if not 0 <= one.index < len(ids) * each:
            continue
        sent, listed = len(ids[one.index // each]), len(one.logprobs)
        if listed <= most and text and not _is_echoed(text):
            yield untestable("`echo` is ignored for a text, too (see CPL005)")
        elif not sent <= listed <= sent + most:
            seen = f"choice {one.index} has {listed} entries in `logprobs` for {sent} token IDs"
            yield Finding(f"{seen} and at most {most} generated token(s)", at=span_of(x))


def _most_generated(x: Exchange) -> int:
    """The most tokens that were generated for a choice: as many as the cap allows, or as usage counts."""
    spent = usage(x)
    return max(requested_cap(x), ceil(spent.completion / requested_choices(x)) if spent else 0)


def _is_echoed(x: Exchange) -> bool:
    """Whether the response begins with the prompt that the request asks for."""
    found = effect_shown(x)
    return found is not None and found[1].state == "honoured"


def _offset(x: Exchange) -> NotJudged | None:
    """As _requested, and there are offsets."""
    has_any = any(lists.text_offset and lists.tokens for _, _, _, lists in _lists(x))
    return _requested(x) or (None if has_any else not_applicable("the response has no text_offset"))


@rule(
    "CPL014",
    SHOULD,
    "text_offset is where each token begins in the text",
    spec=SPEC,
    fix="Add up the lengths of the tokens' texts, in characters, over all chunks of a stream.",
    applies_to=_offset,
    apis=COMPLETIONS,
    good=[GOOD, STREAM, ECHOED, response("Hi", " you", text_offset=[10, 12])],
    bad=[
        response("Hi", " you", text_offset=[-1, -1]),
        response("Hi", " you", text_offset=[0, 1]),
        response("Hi", " you", text_offset=[0, "2"]),
        response(*PROMPT, facts=ECHO, text_offset=[6, 9]),
        stream(*(chunk(choice(text, finish=None, logprobs=scored(text))) for text in ("Hi", " you")), **ASKED),
    ],
)
def offset_of_another_token(x: Exchange) -> Iterator[Finding]:
    """Programs find the first token of the completion, or of an option, by its offset: they score other tokens.

    Without echo, servers count from the beginning of the prompt or of the completion. A token that is not a complete
    character has no length of its own.
    """
    last: dict[int, tuple[int | float, str]] = {}
    for event, index, _, lists in _lists(x):
        for offset, token in zip(lists.text_offset or (), lists.tokens or (), strict=False):
            if not (is_integer(offset) and offset >= 0):
                yield Finding(f"a text_offset is {display(offset)}", at=span_of(x, event), expected="0 or more")
                return
            if index not in last and echoes(x) and offset != 0:
                yield Finding(f"the first text_offset of an echoed prompt is {display(offset)}", at=span_of(x, event))
                return
            before = last.get(index)
            if before and not _fits(*before, offset):
                seen = f"text_offset goes from {display(before[0])} to {display(offset)} after the token {display(before[1])}"
                yield Finding(seen, at=span_of(x, event))
                return
            last[index] = offset, as_string(token)


def _fits(start: float, token: str, end: float) -> bool:
    """Whether a token with this offset can be followed by one with that offset."""
    is_whole = not token.startswith(BYTES) and UNREADABLE not in token
    return end == start + len(token) if is_whole else end >= start
