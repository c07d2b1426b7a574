"""Completions: each prompt of a request continued, and the model's output as a text completion or as its chunks."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, zip_longest
from typing import Any
from zlib import crc32

from conformance.testbed.server.chat import (
    DONE,
    FINGERPRINT,
    LIKELY,
    SECONDS_A_TOKEN,
    UNLIKELY,
    is_forced,
    stops_of,
)
from conformance.testbed.server.model import Generation, GenerationRequest, generate, tokenize
from conformance.testbed.server.reply import Event, ModelResponse, ServerRequest

DEFAULT_CAP = 16
"""Completion tokens of a choice, where the request sets no cap."""

LONGEST = 16
"""Characters of a token."""

Body = dict[str, Any]
Tokens = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Continued:
    """One choice: its prompt in tokens, what the model generated after it, and whether it shows the prompt, too."""

    index: int
    prompt: Tokens
    generation: Generation
    echo: bool

    @property
    def shown(self) -> Tokens:
        """The tokens of its text."""
        return (*(self.prompt if self.echo else ()), *self.generation.text)


def answer_completions(request: ServerRequest) -> ModelResponse:
    """The response to a valid Completions request."""
    body: Body = request.json
    choices = _choices(body)
    if request.mode == "stream":
        return ModelResponse(events=tuple(_events(request, body, choices)))
    longest = max(choice.generation.tokens for choice in choices)
    return ModelResponse(whole=_completion(request, body, choices), wait_s=longest * SECONDS_A_TOKEN)


def _choices(body: Body) -> list[Continued]:
    """All choices of the first prompt, then those of the second."""
    prompts = [prompt for prompt in prompts_of(body) for _ in range(int(body.get("n") or 1))]
    return [
        Continued(index=at, prompt=prompt, generation=generate(_turn_of(body, prompt)), echo=bool(body.get("echo")))
        for at, prompt in enumerate(prompts)
    ]


def prompts_of(body: Body) -> list[Tokens]:
    """The prompts of a request, each in tokens."""
    prompt = body["prompt"]
    is_one = not isinstance(prompt, list) or isinstance(prompt[0], int | float)
    return [_tokens_of(one) for one in ([prompt] if is_one else prompt)]


def _tokens_of(prompt: Any) -> Tokens:
    """A text, token IDs, or null, in tokens; a long word has several."""
    if isinstance(prompt, list):
        return tuple(f" t{int(number)}" for number in prompt)
    words = tokenize(prompt or "")
    return tuple(word[at : at + LONGEST] for word in words for at in range(0, len(word), LONGEST))


def prompt_tokens(body: Body) -> int:
    """Tokens of all prompts, each with the suffix; the start of a document is a token, too."""
    suffix = len(tokenize(body.get("suffix") or ""))
    return sum(max(1, len(prompt)) + suffix for prompt in prompts_of(body))


def _turn_of(body: Body, prompt: Tokens) -> GenerationRequest:
    cap = body.get("max_tokens")
    return GenerationRequest(
        prompt="".join(prompt),
        cap=DEFAULT_CAP if cap is None else int(cap),
        stops=stops_of(body),
        forced=is_forced(body),
    )


def _usage(body: Body, choices: list[Continued]) -> Body:
    prompt, completion = prompt_tokens(body), sum(choice.generation.tokens for choice in choices)
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _frame(request: ServerRequest, body: Body) -> Body:
    frame = {"id": f"cmpl-{request.id}", "object": "text_completion", "created": request.at}
    return {**frame, "model": body["model"], "system_fingerprint": FINGERPRINT}


def _completion(request: ServerRequest, body: Body, choices: list[Continued]) -> Body:
    whole = [_part(body, choice, 0, len(choice.shown), choice.generation.finish) for choice in choices]
    return {**_frame(request, body), "choices": whole, "usage": _usage(body, choices)}


def _part(body: Body, choice: Continued, start: int, end: int, finish: str | None = None) -> Body:
    """The tokens of a choice from one position to another."""
    return {
        "index": choice.index,
        "text": "".join(choice.shown[start:end]),
        "logprobs": _logprobs(body, choice, start, end),
        "finish_reason": finish,
    }


def _logprobs(body: Body, choice: Continued, start: int, end: int) -> Body | None:
    """The log probabilities of these tokens. Nothing precedes the first one of an echoed prompt: it has none.

    Offsets are those in the prompt and the completion together.
    """
    count = body.get("logprobs")
    if count is None or start == end:
        return None
    tokens = choice.shown
    begin = 0 if choice.echo else len("".join(choice.prompt))
    scored = [_score(token) if at or not choice.echo else None for at, token in enumerate(tokens)]
    likeliest = [_likeliest(token, int(count)) if value else None for token, value in zip(tokens, scored, strict=True)]
    offsets = list(accumulate(map(len, tokens), initial=begin))
    return {
        "tokens": list(tokens[start:end]),
        "token_logprobs": scored[start:end],
        "top_logprobs": likeliest[start:end] if count else None,
        "text_offset": offsets[start:end],
    }


def _score(token: str) -> float:
    """The log probability of a token: that of one word differs from that of another."""
    return LIKELY - crc32(token.encode("utf-8", "replace")) % 64 / 100


def _likeliest(token: str, count: int) -> Body:
    return {token: _score(token)} | {f" other{n}": UNLIKELY - n for n in range(1, count)}


def _events(request: ServerRequest, body: Body, choices: list[Continued]) -> Iterator[Event]:
    options = body.get("stream_options") or {}
    wants_usage, obfuscated = options.get("include_usage") is True, options.get("include_obfuscation") is True
    frame = _frame(request, body)

    def event(payload: Body, wait_s: float = 0.0) -> Event:
        usage = {"usage": None} if wants_usage else {}
        padding = {"obfuscation": "x" * (8 - request.at % 8)} if obfuscated else {}
        return Event(data={**frame, **usage, **padding, **payload}, wait_s=wait_s)

    for step in zip_longest(*(_steps(body, choice) for choice in choices)):
        for number, part in enumerate(p for p in step if p):
            yield event({"choices": [part]}, 0.0 if number else SECONDS_A_TOKEN)
    for choice in choices:
        yield event({"choices": [_part(body, choice, 0, 0, choice.generation.finish)]})
    if wants_usage:
        yield event({"choices": [], "usage": _usage(body, choices)})
    yield DONE


def _steps(body: Body, choice: Continued) -> Iterator[Body]:
    """One choice's parts: its prompt, if it is echoed, and then one a token."""
    begin = len(choice.prompt) if choice.echo else 0
    if begin:
        yield _part(body, choice, 0, begin)
    for at in range(begin, len(choice.shown)):
        yield _part(body, choice, at, at + 1)


def buffered_completion(whole: Body, body: Body) -> Iterator[Event]:
    """A non-streaming completion as a proxy wraps it: one chunk with all the text, then the end."""
    wants_usage = (body.get("stream_options") or {}).get("include_usage") is True
    frame = {k: v for k, v in whole.items() if k not in ("choices", "usage")} | ({"usage": None} if wants_usage else {})
    yield Event(data=frame | {"choices": [choice | {"finish_reason": None} for choice in whole["choices"]]})
    yield Event(data=frame | {"choices": [choice | {"text": "", "logprobs": None} for choice in whole["choices"]]})
    if wants_usage:
        yield Event(data=frame | {"choices": [], "usage": whole["usage"]})
    yield DONE
