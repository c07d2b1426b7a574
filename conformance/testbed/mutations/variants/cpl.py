"""Legal variants of text completions: how servers in use respond, where the API leaves it open."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.testbed.mutations.mutate_chat import in_turn, with_fields, without_fields
from conformance.testbed.mutations.mutate_completions import (
    COMPLETIONS,
    Body,
    Lists,
    each_choice,
    each_completion,
    each_logprobs,
    each_usage,
    is_completion,
    on_streams,
    on_wholes,
    variant,
)
from conformance.testbed.mutations.mutate_dialects import refusing
from conformance.testbed.mutations.mutate_requests import dropping, sent, streaming
from conformance.testbed.mutations.openai_words import unsupported
from conformance.testbed.server.completions import prompts_of
from conformance.testbed.server.refusal import Refusal
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest

BEGIN = "<s>"
VLLM = {"stop_reason": None, "prompt_logprobs": None}
REPEATED = "Say hello."


def completes(response: ModelResponse, request: ServerRequest) -> bool:
    """Whether a response is a text completion."""
    return request.api == "completions" and response.status == 200


def offsets_from_the_text(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Offsets are counted from the beginning of the text, not of the prompt."""
    if not completes(response, request) or request.json.get("echo"):
        return response
    found = [
        len("".join(prompt)) for prompt in prompts_of(request.json) for _ in range(int(request.json.get("n") or 1))
    ]

    def moved(choice: Body) -> Body:
        lists = choice["logprobs"]
        offsets = [offset - found[choice["index"]] for offset in lists["text_offset"]]
        return choice | {"logprobs": lists | {"text_offset": offsets}}

    return each_choice(moved, lambda choice: choice["logprobs"])(response, request)


def begun(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The tokens of an echoed text begin with one that is not in the text, and has no score; the next one has."""
    if not completes(response, request) or not request.json.get("echo") or not _has_texts(request.json):
        return response
    return each_logprobs(_begun)(response, request)


def _has_texts(body: Body) -> bool:
    prompt = body["prompt"]
    return isinstance(prompt, str) or all(isinstance(one, str) for one in prompt)


def _begun(lists: Lists) -> Lists:
    if lists["token_logprobs"][0] is not None:
        return lists
    first = lists["tokens"][0]
    return {
        "tokens": [BEGIN, *lists["tokens"]],
        "token_logprobs": [None, -1.5, *lists["token_logprobs"][1:]],
        "top_logprobs": lists["top_logprobs"] and [None, {first: -1.5}, *lists["top_logprobs"][1:]],
        "text_offset": [0, *(offset + len(BEGIN) for offset in lists["text_offset"])],
    }


def with_its_own(lists: Lists) -> Lists:
    """A token that is less likely than all its alternatives, and listed with them."""
    if not lists["top_logprobs"] or lists["token_logprobs"][-1] is None:
        return lists
    last, others = lists["tokens"][-1], lists["top_logprobs"][-1]
    likely = {f" likely{n}": -0.1 * n for n in range(1, len(others) + 1)}
    return lists | {
        "token_logprobs": [*lists["token_logprobs"][:-1], -7.5],
        "top_logprobs": [*lists["top_logprobs"][:-1], likely | {last: -7.5}],
    }


def without_its_own(lists: Lists) -> Lists:
    """Tokens that are less likely than their alternatives, and not listed with them."""
    if not lists["top_logprobs"]:
        return lists
    scored = [number is not None for number in lists["token_logprobs"]]
    return lists | {
        "token_logprobs": [-7.5 if is_scored else None for is_scored in scored],
        "top_logprobs": [
            {f" likely{n}": -0.1 * n for n in range(1, len(top) + 1)} if is_scored else None
            for is_scored, top in zip(scored, lists["top_logprobs"], strict=True)
        ],
    }


def end_in_the_last_chunk(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    """The finish_reason of a choice is in the chunk with its last text."""
    events = list(response.events or ())
    if not events or not is_completion(events[0].data):
        return response
    ends = {c["index"]: c["finish_reason"] for e in events for c in _choices(e.data) if c["finish_reason"]}
    last = {c["index"]: at for at, e in enumerate(events) for c in _choices(e.data) if c["text"]}
    kept = []
    for at, event in enumerate(events):
        parts = [_ended(c, ends, last, at) for c in _choices(event.data)]
        shown = [part for part in parts if part]
        if shown or not parts:
            data = event.data | {"choices": shown} if parts else event.data
            kept.append(replace(event, data=data))
    return replace(response, events=tuple(kept))


def _choices(data: Any) -> list[Body]:
    return data["choices"] if is_completion(data) else []


def _ended(choice: Body, ends: Body, last: dict[int, int], at: int) -> Body | None:
    """A part of a choice with its end, or None for one that has nothing but the end."""
    index = choice["index"]
    if choice["finish_reason"]:
        return None if index in last else choice
    return choice | {"finish_reason": ends[index] if last.get(index) == at else None}


def refused_by_llama_cpp(body: Body) -> Iterator[Refusal]:
    """Fields that llama.cpp refuses by name."""
    return (unsupported(name) for name in ("echo", "best_of", "suffix") if body.get(name))


def refused_by_ollama(body: Body) -> Iterator[Refusal]:
    """Prompts that Ollama refuses: all but one text; and fields."""
    if not isinstance(body.get("prompt"), str):
        yield Refusal(message="'prompt' must be a string.", param="prompt", code="invalid_type")
    yield from (unsupported(name) for name in ("echo", "n", "best_of", "logit_bias") if body.get(name) not in (None, 1))


def refused_without_tokens(body: Body) -> Iterator[Refusal]:
    """A cap of 0."""
    if body.get("max_tokens") == 0:
        yield Refusal(message="'max_tokens' must be at least 1.", param="max_tokens", code="invalid_value")


def repeating(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The model itself repeats one of the prompts."""
    if not completes(response, request) or request.json["prompt"] != REPEATED:
        return response
    first = each_choice(lambda choice: choice | {"text": REPEATED + choice["text"]}, lambda choice: choice["text"])
    return on_wholes(first)(response, request)


def of_both(usage: Body, request: ServerRequest) -> Body:
    """A usage that counts all candidates."""
    words = usage["completion_tokens"] * int(sent(request).get("best_of") or 1)
    return usage | {"completion_tokens": words, "total_tokens": usage["prompt_tokens"] + words}


VARIANTS = (
    variant(
        "completions-as-vllm",
        "Text completions as vLLM sends them: offsets from the text, more fields, and the end with the last text",
        in_turn(offsets_from_the_text, each_choice(lambda choice: choice | VLLM), end_in_the_last_chunk),
    ),
    variant(
        "completions-begin-token-listed",
        "The tokens of an echoed prompt begin with the one that begins every text",
        begun,
    ),
    variant(
        "completions-as-llama-cpp",
        "Completions without echo, best_of and suffix, as llama.cpp serves them",
        in_turn(
            refusing({"completions": refused_by_llama_cpp}), each_completion(with_fields(timings={"predicted_n": 3}))
        ),
    ),
    variant(
        "completions-as-ollama",
        "Completions of one text, as Ollama serves them, without the key logprobs",
        in_turn(
            refusing({"completions": refused_by_ollama}),
            each_choice(without_fields("logprobs"), lambda choice: choice["logprobs"] is None),
        ),
    ),
    variant("completions-no-empty-cap", "max_tokens: 0 is rejected", refusing({"completions": refused_without_tokens})),
    variant("completions-unlikely-token", "A token is listed beside its alternatives", each_logprobs(with_its_own)),
    variant("completions-token-unlisted", "No token is listed among its alternatives", each_logprobs(without_its_own)),
    Mutation(
        name="completions-best-streamed",
        title="The better of two candidates is streamed when both are complete, and both are counted",
        apis=COMPLETIONS,
        on_request=dropping("best_of", where=streaming, apis=COMPLETIONS),
        on_response=on_streams(each_usage(of_both)),
    ),
    variant("completions-prompt-repeated", "The model itself repeats a prompt", repeating),
    variant(
        "completions-token-counted-for-none",
        "Usage counts a token that is generated for max_tokens: 0, and not shown",
        each_usage(
            lambda usage, request: (
                usage | {"completion_tokens": 1, "total_tokens": usage["prompt_tokens"] + 1}
                if request.json.get("max_tokens") == 0
                else usage
            )
        ),
    ),
)
