"""`logprobs`: each belongs to its token, as many as requested, covering all of the text."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import chat_content, span_of
from conformance.apis.logprobs import (
    UNREADABLE,
    Entry,
    alternatives,
    entries,
    hides_tokens,
    joined_tokens,
    logprob,
    requested_alternatives,
    requests_logprobs,
    token_bytes,
)
from conformance.apis.request import request_body
from conformance.apis.request_fields import echoes
from conformance.model.case import Kind
from conformance.model.exchange import Exchange, Span
from conformance.model.rule import rule
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import WITH_CHOICES
from conformance.parsing.json_values import Object, as_array, as_object, describe_member, display
from conformance.rules.conditions import all_of, probe_is
from conformance.rules.conditions_by_api import has_content
from conformance.rules.example import HELLO, answered, chunk, completion, streamed
from conformance.rules.par.spec import CHAT, CREATE, LOGPROBS

ROUNDING = 1e-3
"""How far above 0 the logarithm of 1 may be on a server with low precision."""
NEAR = 0.05
"""Maximum difference of two log probabilities of one token, due to low precision."""

ASKED: dict[str, Any] = {"body": {"logprobs": True, "top_logprobs": 2}, "probe": "chat.witness.logprobs"}


def token(text: str, logprob: Any = -0.5, **more: Any) -> Object:
    """A token with its log probability."""
    return {"token": text, "logprob": logprob, "bytes": list(text.encode()), **more}


def with_tokens(*tokens: Any, text: str = "Hi there") -> Exchange:
    """A non-streaming response with these tokens."""
    choice = completion({"content": text}, finish="length")["choices"][0]
    return answered(completion(choices=[choice | {"logprobs": {"content": list(tokens)}}]), **ASKED)


def piece(text: str, *tokens: Any) -> Object:
    """A chunk with this text and these tokens."""
    choice = {"index": 0, "delta": {"content": text}, "logprobs": {"content": list(tokens)}, "finish_reason": None}
    return chunk(choices=[choice])


HI = token("Hi", -0.5, top_logprobs=[token("Hi", -0.5), token("Ho", -1.5)])
THERE = token(" there", -0.7, top_logprobs=[token(" there", -0.7), token(" you", -1.2)])
GOOD = with_tokens(HI, THERE)
STREAM = streamed(piece("Hi", HI), piece(" there", THERE), chunk(finish="length"), "[DONE]", **ASKED)


def logged(x: Exchange) -> NotJudged | None:
    """`logprobs` were requested and received."""
    if not requests_logprobs(x):
        return OUT_OF_SCOPE
    return has_content(x) or (None if entries(x) else not_applicable("the response has no logprobs"))


def _at(x: Exchange, entry: Entry) -> Span:
    return span_of(x, entry.part)


@rule(
    "PAR001",
    MUST,
    "Every logprobs entry has a token, and a logprob of at most 0",
    spec=LOGPROBS,
    fix="Send each token's text, and the natural logarithm of its probability as `logprob`.",
    applies_to=logged,
    needs=("request",),
    apis=WITH_CHOICES,
    good=[GOOD, STREAM, with_tokens(token("Hi", -9999.0, top_logprobs=[]), token(" there", 0))],
    bad=[
        with_tokens(token("Hi", 0.6), THERE),
        with_tokens(token("Hi", "-0.5"), THERE),
        with_tokens({"logprob": -0.5}, THERE),
        with_tokens(["Hi", -0.5], THERE),
        streamed(piece("Hi", token("Hi", -0.5, top_logprobs=[token("Ho", 98.5)])), chunk(finish="stop"), **ASKED),
    ],
)
def impossible_log_probability(x: Exchange) -> Iterator[Finding]:
    """Scores are computed from these numbers: a probability above 1, or a percentage, invalidates them all."""
    for entry in entries(x):
        for value in (entry.value, *as_array(as_object(entry.value).get("top_logprobs"))):
            number = logprob(value)
            if echoes(x) and as_object(value).get("logprob", number) is None:
                continue  # of the prompt, which CPL012 judges
            if not isinstance(value, dict) or not isinstance(value.get("token"), str):
                what = f"has {describe_member(value, 'token')}" if isinstance(value, dict) else f"is {display(value)}"
                yield Finding(f"a `logprobs` entry {what}", at=_at(x, entry))
            elif number is None or number > ROUNDING:
                yield Finding(
                    f"the token {display(value['token'])} has {describe_member(value, 'logprob')}",
                    at=_at(x, entry),
                    expected="at most 0",
                )


def _alternatives_requested(x: Exchange) -> NotJudged | None:
    if skip := logged(x):
        return skip
    if requested_alternatives(x) is None:
        return not_applicable("the request has no valid `top_logprobs`")
    has_any = any(any(alternatives(entry.value)) for entry in entries(x))
    return None if has_any else not_applicable("the response has no `top_logprobs`")


def _name(value: Any) -> tuple[Any, bytes | None]:
    """The identity of a token."""
    return as_object(value).get("token"), token_bytes(value)


@rule(
    "PAR002",
    SHOULD,
    "Each token has as many top_logprobs as requested, each listed once",
    spec=f"{CREATE}#chat-create-top_logprobs",
    fix="List the `top_logprobs` likeliest tokens of each position, each once.",
    applies_to=_alternatives_requested,
    needs=("request",),
    apis=WITH_CHOICES,
    good=[GOOD, STREAM],
    bad=[
        with_tokens(token("Hi", top_logprobs=[token("Hi"), token("Ho"), token("Ha")]), THERE),
        with_tokens(token("Hi", top_logprobs=[token("Hi"), token("Hi")]), THERE),
        with_tokens(token("Hi", top_logprobs=[token("Hi")]), token(" there", top_logprobs=[token(" there")])),
    ],
)
def wrong_alternatives(x: Exchange) -> Iterator[Finding]:
    """Evaluations that compare the letters of options count one twice, miss it, or compare lists of different lengths.

    A token may have fewer alternatives in rare cases; if all of several tokens do, the number was clamped. Completions
    lists the token itself in addition, if it is not among the likeliest.
    """
    most = requested_alternatives(x) or 0
    own = 1 if x.api == "completions" else 0
    longest = max(len(list(alternatives(entry.value))) for entry in entries(x))
    if longest < most and len(entries(x)) > 1:
        seen = f"each token has at most {longest} alternatives, but {display(most)} were requested"
        yield Finding(seen, at=_at(x, entries(x)[0]))
    for entry in entries(x):
        found = [_name(value) for value in alternatives(entry.value)]
        readable = [name for name in found if name[0] and UNREADABLE not in str(name[0])]
        if len(found) > most + own:
            yield Finding(
                f"a token has {len(found)} alternatives, but {display(most)} were requested", at=_at(x, entry)
            )
        elif twice := next((name for name in readable if readable.count(name) > 1), None):
            yield Finding(f"the alternative {display(twice[0])} is listed twice", at=_at(x, entry))


@rule(
    "PAR003",
    SHOULD,
    "The bytes of a token in logprobs are its text in UTF-8",
    spec=LOGPROBS,
    fix="Fill both from the same token: `bytes` is its text in UTF-8.",
    applies_to=logged,
    needs=("bytes",),
    apis=CHAT,
    good=[GOOD, with_tokens(token("Hi", bytes=None), token("\ufffd", bytes=[0xF0, 0x9F]))],
    bad=[
        with_tokens(token("Hi", bytes=[72]), THERE),
        with_tokens(token("Hi", bytes="Hi"), THERE),
        with_tokens(token("Hi", bytes=[72, 300]), THERE),
    ],
)
def bytes_of_another_token(x: Exchange) -> Iterator[Finding]:
    """Characters that span several tokens can be decoded only from their bytes."""
    for entry in entries(x):
        for value in (entry.value, *alternatives(entry.value)):
            text, data = as_object(value).get("token"), token_bytes(value)
            if as_object(value).get("bytes") is None or not isinstance(text, str):
                continue
            if data is None:
                yield Finding(
                    f"the token {display(text)} has {describe_member(value, 'bytes')}",
                    at=_at(x, entry),
                    expected="a list of bytes",
                )
            elif _decoded(data) not in (None, text):
                yield Finding(f"the token {display(text)} has the bytes of {display(_decoded(data))}", at=_at(x, entry))


def _decoded(data: bytes) -> str | None:
    """The bytes decoded as UTF-8, or None if they are not complete characters."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        return None


@rule(
    "PAR004",
    SHOULD,
    "The top_logprobs of a token belong to its own position",
    spec=LOGPROBS,
    fix="If a chunk has several tokens, send each with the `top_logprobs` of its own position.",
    applies_to=_alternatives_requested,
    apis=WITH_CHOICES,
    good=[GOOD, STREAM, with_tokens(HI, token(" unlikely", -7.5, top_logprobs=THERE["top_logprobs"]))],
    bad=[
        with_tokens(HI, token(" there", -0.7, top_logprobs=HI["top_logprobs"])),
        with_tokens(HI, token(" there", -3.0, top_logprobs=THERE["top_logprobs"])),
        streamed(piece("Hi there", HI, THERE | {"top_logprobs": HI["top_logprobs"]}), chunk(finish="stop"), **ASKED),
    ],
)
def alternatives_of_another_token(x: Exchange) -> Iterator[Finding]:
    """The numbers look plausible but belong to another token: evaluations are silently wrong.

    A token is either listed with its own logprob, or less likely than all listed ones.
    """
    for entry in entries(x):
        own, number = _name(entry.value), logprob(entry.value)
        listed = [(_name(value), found) for value in alternatives(entry.value) if (found := logprob(value)) is not None]
        if number is None or not listed or not own[0] or UNREADABLE in str(own[0]):
            continue  # an incomplete character, whose text others share
        mine = [found for name, found in listed if name[0] == own[0]]
        if mine and all(abs(found - number) > NEAR for found in mine):
            seen = f"the token {display(own[0])} has logprob {display(number)}, but {display(mine[0])} among its alternatives"
            yield Finding(seen, at=_at(x, entry))
        elif not mine and number > min(found for _, found in listed) + NEAR:
            seen = f"the token {display(own[0])} is more likely than one of its alternatives, but not listed among them"
            yield Finding(seen, at=_at(x, entry))


def spelling(x: Exchange) -> NotJudged | None:
    """The tokens in `logprobs` can be compared with the content."""
    if skip := logged(x):
        return skip
    return not_applicable("the response may have tokens that are not in its content") if hides_tokens(x) else None


def is_spelt(x: Exchange, text: str, tokens: str) -> bool:
    """Whether the joined tokens start with the text, ignoring surrounding whitespace; an end-of-turn token may follow.

    Before an echoed prompt there may be a token that begins each of them.
    """
    begins = text.strip() in tokens if echoes(x) else tokens.strip().startswith(text.strip())
    return bool(text.strip()) and begins


HALVES = with_tokens(token("\ufffd", bytes=[0xC3]), token("\ufffd", bytes=[0xA9]), text="\u00e9")


@rule(
    "PAR005",
    SHOULD,
    "The tokens in logprobs join to the content",
    spec=LOGPROBS,
    fix="Send an entry for every token, with the token's exact text, whitespace included.",
    applies_to=spelling,
    apis=WITH_CHOICES,
    good=[GOOD, STREAM, with_tokens(HI, THERE, token("<end>", top_logprobs=[])), HALVES],
    bad=[
        with_tokens(HI),
        with_tokens(HI, token("\u2581there", top_logprobs=[])),
        streamed(piece("Hi there", HI), chunk(finish="stop"), "[DONE]", **ASKED),
    ],
)
def tokens_of_another_text(x: Exchange) -> Iterator[Finding | NotJudged]:
    """A score that misses tokens is too high, and a token that is not in the content can't be displayed."""
    for choice in chat_content(x).choices:
        tokens = joined_tokens(choice)
        if not choice.text.strip() or is_spelt(x, choice.text, tokens):
            continue
        if UNREADABLE in tokens or UNREADABLE in choice.text:
            yield untestable("a token is an incomplete character")
        else:
            yield Finding(
                f"the tokens in `logprobs` join to {display(tokens)}, but the content is {display(choice.text)}",
                at=span_of(x),
            )


def _logprobs_not_requested(x: Exchange) -> NotJudged | None:
    wanted = request_body(x).get("logprobs")
    if not (wanted is None or wanted is False):
        return OUT_OF_SCOPE
    return all_of(probe_is(Kind.BASELINE, Kind.ACCEPTED_FORM, Kind.RECORDED, Kind.USERS), has_content)(x)


@rule(
    "PAR006",
    SHOULD,
    "logprobs are sent only if requested",
    spec=f"{CREATE}#chat-create-logprobs",
    fix="Send `logprobs: null` unless the request sets `logprobs: true`.",
    applies_to=_logprobs_not_requested,
    needs=("request",),
    apis=WITH_CHOICES,
    good=[streamed(*HELLO), answered(completion(), body={"logprobs": False})],
    bad=[
        answered(completion(choices=[completion()["choices"][0] | {"logprobs": {"content": [HI]}}])),
        streamed(piece("Hi", HI), chunk(finish="stop"), "[DONE]"),
    ],
)
def unrequested_logprobs(x: Exchange) -> Iterator[Finding]:
    """They make a stream many times larger, and reveal more about the model than its owner may intend."""
    if entries(x):
        yield Finding("the response has `logprobs`, which were not requested", at=_at(x, entries(x)[0]))
