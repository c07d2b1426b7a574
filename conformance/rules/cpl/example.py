"""Text completions for the CPL rules' examples."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any, Final

from conformance.model.exchange import Exchange
from conformance.parsing.json_values import Object
from conformance.rules.example import answered, streamed

PROMPT: Final = "Say hello."
HELLO: Final = "Hello there."
BASELINE: Final[dict[str, Any]] = {"probe": "completions.hello", "body": {"prompt": PROMPT, "max_tokens": 16}}


def choice(text: Any = HELLO, index: Any = 0, finish: Any = "stop", logprobs: Any = None) -> Object:
    """One choice of a text completion or of a chunk."""
    return {"index": index, "text": text, "logprobs": logprobs, "finish_reason": finish}


def completion(*choices: Object, prompt: int = 3, words: int = 3, **changes: Any) -> Object:
    """A text completion of these choices, or of one; keyword arguments replace or add top-level fields."""
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1_760_000_000,
        "model": "m",
        "choices": list(choices or (choice(),)),
        "usage": {"prompt_tokens": prompt, "completion_tokens": words, "total_tokens": prompt + words},
    } | changes


def chunk(*choices: Object, **changes: Any) -> Object:
    """A chunk of these choices."""
    return {name: value for name, value in completion(*choices).items() if name != "usage"} | changes


CHUNKS: Final = (chunk(choice("Hello", finish=None)), chunk(choice(" there.", finish=None)), chunk(choice("")))


def whole(*choices: Object, probe: str = BASELINE["probe"], body: Object = BASELINE["body"], **facts: Any) -> Exchange:
    """A non-streaming response with these choices; `facts` are changes of the completion."""
    return answered(completion(*choices, **facts), probe=probe, body=body)


def stream(*chunks: Any, probe: str = BASELINE["probe"], body: Object = BASELINE["body"]) -> Exchange:
    """A stream of these chunks, and its end."""
    return streamed(*chunks, "[DONE]", probe=probe, body=body | {"stream": True})


WHOLE: Final = whole()
STREAM: Final = stream(*CHUNKS)


def scored(*tokens: str, first: Any = -0.5, begin: int = 0, **changes: Any) -> Object:
    """The log probabilities of these tokens in lists; `first` is that of the first token."""
    numbers = [first if at == 0 else -0.5 for at in range(len(tokens))]
    likeliest = [{token: n} if n is not None else None for token, n in zip(tokens, numbers, strict=True)]
    offsets = list(accumulate(map(len, tokens[:-1]), initial=begin))
    lists = {"tokens": [*tokens], "token_logprobs": numbers, "top_logprobs": likeliest, "text_offset": offsets}
    return lists | changes


def asking(kind: str, subject: str, **fields: Any) -> dict[str, Any]:
    """The facts of a case about one field, whose request has these fields."""
    return {"probe": f"completions.{kind}.{subject}".rstrip("."), "body": {"prompt": PROMPT} | fields}


def texts(*completions: str, **facts: Any) -> Exchange:
    """A non-streaming response with one choice for each of these texts, in order."""
    return whole(*(choice(text, index) for index, text in enumerate(completions)), **facts)


def finishes(*values: Any) -> Sequence[Exchange]:
    """Responses that end with each of these values."""
    return [whole(choice(finish=value)) for value in values]
