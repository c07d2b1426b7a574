"""lm-evaluation-harness on Completions (`local-completions`): generations, and log-likelihoods of echoed prompts.

It makes three attempts at whatever fails before a response is read as JSON, also where none can succeed; what follows
is not repeated. It puts the choices of a batch in the order of their `index`.
"""

import json
from operator import itemgetter
from typing import Any, Final

from conformance.apis.echoed import prompts
from conformance.apis.request_fields import echoes
from conformance.clients.client import Client, Simulation
from conformance.clients.openai_completions import as_read
from conformance.clients.python_requests import is_endless, json_of
from conformance.clients.turn import ClientError, DecodedResponse, outcome_of
from conformance.model.exchange import Exchange

ATTEMPTS: Final = 3
CONTINUATION: Final = 2
"""Tokens whose likelihood is asked for in the recorded request, which does not tell: those before are the context."""
WRONG: Final = "log-likelihoods of other tokens than those of its continuations, and no error"

FAILURES: Final = (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""What reading a value as if it were the documented one can raise."""

Score = tuple[float, bool]
"""The log-likelihood of a continuation, and whether each of its tokens is the likeliest one."""


def simulate(x: Exchange, _fallback: Exchange | None) -> Simulation:
    """One batch of prompts. What it raises while it reads the choices is not repeated."""
    try:
        value = json_of(x)
    except ClientError as raised:
        failed = DecodedResponse(error=raised)
        requests = 1 if raised.kind == "hang" else ATTEMPTS
        return Simulation(outcome=outcome_of(failed), exchanges=(x,) * requests, turn=failed, uncertain=is_endless(x))
    try:
        return _scored(x, value) if echoes(x) else _generated(x, value)
    except FAILURES as error:
        failed = DecodedResponse(error=ClientError("shape", f"{type(error).__name__}: {error}"))
        return Simulation(outcome=outcome_of(failed), exchanges=(x,), turn=failed)


def _generated(x: Exchange, value: Any) -> Simulation:
    """The text of the first choice; null is an empty text."""
    texts = [text for out in _outputs(value) for text in _texts(out["choices"])]
    turn = as_read(texts[0], "")
    return Simulation(outcome=outcome_of(turn), exchanges=(x,), turn=turn)


def _texts(choices: Any) -> list[Any]:
    placed: list[Any] = [None] * len(choices)
    for choice in choices:
        placed[choice["index"]] = choice["text"]
    return placed


def _scored(x: Exchange, value: Any) -> Simulation:
    wanted = prompts(x)
    pairs = [
        (prompt, choice["logprobs"])
        for out in _outputs(value)
        for prompt, choice in zip(wanted, sorted(out["choices"], key=itemgetter("index")), strict=False)
    ]
    scores = [_score(found, _context(prompt)) for prompt, found in pairs]
    if len(scores) < len(wanted):
        raise ValueError("zip() argument 2 is shorter than argument 1")
    turn = DecodedResponse(text=json.dumps(scores[: len(wanted)]), seen=True, ended=True)
    is_right = all(_has_its_tokens(prompt, found) for prompt, found in pairs)
    return Simulation(
        outcome="text" if is_right else "partial_text",
        exchanges=(x,),
        turn=turn,
        user_effect="" if is_right else WRONG,
    )


def _outputs(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _context(prompt: Any) -> int:
    """Tokens of a prompt that are not scored: its first one alone, if it is a text, whose tokens are not known here."""
    return max(1, len(prompt) - CONTINUATION) if isinstance(prompt, list) else 1


def _score(logprobs: Any, context: int) -> Score:
    """The sum over what follows the context, without the last token, which it takes for the generated one."""
    numbers, likeliest = logprobs["token_logprobs"][context:-1], logprobs["top_logprobs"][context:-1]
    total = sum(numbers)
    return total, all(number == max(top.values()) for number, top in zip(numbers, likeliest, strict=False))


def _has_its_tokens(prompt: Any, logprobs: Any) -> bool:
    """Whether the tokens are those of the prompt and a generated one, as far as their number tells."""
    count = len(logprobs["token_logprobs"])
    return count == len(prompt) + 1 if isinstance(prompt, list) else count > 1


LM_EVALUATION_HARNESS = Client(
    profile="lm-evaluation-harness",
    name="lm-evaluation-harness 0.4",
    version="0.4.13",
    api="completions",
    modes=("unary",),
    simulate=simulate,
)
