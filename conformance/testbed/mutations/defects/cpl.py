"""Defects in text completions: their form, lists of prompts, echoed prompts and log probabilities."""

from collections.abc import Callable
from typing import Any

from conformance.testbed.mutations.mutate_chat import with_fields, without_fields
from conformance.testbed.mutations.mutate_completions import (
    COMPLETIONS,
    Body,
    Lists,
    defect,
    each_choice,
    each_completion,
    each_logprobs,
    each_usage,
    on_streams,
    on_wholes,
    with_prompt_tokens,
)
from conformance.testbed.mutations.mutate_requests import Where, dropping, holds, rewriting, streaming
from conformance.testbed.server.completions import prompts_of
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, ServerRequest

BEGIN = 1
"""The ID of the token that begins a text in many vocabularies."""


def unread(name: str, title: str, caught_by: str, *fields: str, where: Where = bool) -> Mutation:
    """A defect: the server ignores these fields."""
    ignoring = dropping(*fields, where=where, apis=COMPLETIONS)
    return Mutation(name=name, title=title, caught_by=caught_by, apis=COMPLETIONS, on_request=ignoring)


def misread(name: str, title: str, caught_by: str, edit: Any, where: Where = bool) -> Mutation:
    """A defect in how the request is read."""
    reading = rewriting(edit, where=where, apis=COMPLETIONS)
    return Mutation(name=name, title=title, caught_by=caught_by, apis=COMPLETIONS, on_request=reading)


def in_message(name: str) -> OnResponse:
    """The text is in a message, or delta, as in chat completions."""
    return each_choice(
        lambda choice: (
            {key: value for key, value in choice.items() if key != "text"}
            | {name: {"role": "assistant", "content": choice["text"]}}
        )
    )


def is_list(request: ServerRequest) -> bool:
    """There are several prompts."""
    return isinstance(request.json, dict) and len(_prompts(request.json)) > 1


def _prompts(body: Body) -> list[Any]:
    prompt = body.get("prompt")
    return prompt if isinstance(prompt, list) and prompt and not isinstance(prompt[0], int) else [prompt]


def with_each(edit: Any) -> Any:
    """Edit each prompt that is a list of token IDs."""

    def change(body: Body) -> Body:
        found = [edit(prompt) if isinstance(prompt, list) else prompt for prompt in _prompts(body)]
        return body | {"prompt": found if len(found) > 1 or body["prompt"] is _prompts(body) else found[0]}

    return change


FORM = (
    defect(
        "text-completion-as-chat-completion",
        "A text completion has object: chat.completion",
        "CPL001",
        on_wholes(each_completion(with_fields(object="chat.completion"))),
    ),
    defect(
        "text-completion-chunk-object",
        "The chunks of a text completion have an object of their own, text_completion.chunk",
        "CPL001",
        on_streams(each_completion(with_fields(object="text_completion.chunk"))),
    ),
    defect("text-in-a-message", "The text of a choice is in `message`", "CPL002", on_wholes(in_message("message"))),
    defect("text-in-a-delta", "The text of a chunk is in `delta`", "CPL002", on_streams(in_message("delta"))),
    defect(
        "text-null-at-the-end",
        "The last chunk of a choice has text: null",
        "CPL002",
        on_streams(each_choice(with_fields(text=None), lambda choice: choice["finish_reason"])),
    ),
    defect(
        "text-completion-without-end",
        "No chunk of a text completion has a finish_reason",
        "CHK017",
        on_streams(each_choice(with_fields(finish_reason=None))),
    ),
    defect(
        "text-completion-without-id",
        "A non-streaming text completion has no id",
        "CMP002",
        on_wholes(each_completion(without_fields("id"))),
    ),
)


def of_the_first(usage: Body, request: ServerRequest) -> Body:
    """A usage that counts the first prompt of a list."""
    first, *others = prompts_of(request.json)
    return with_prompt_tokens(usage, len(first)) if others else usage


def by_turns(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The first choice of each prompt, then the second: the index counts the prompts first."""
    if request.api != "completions" or response.status != 200:
        return response
    each = int(request.json.get("n") or 1)
    prompts = len(prompts_of(request.json))

    def moved(choice: Body) -> Body:
        prompt, number = divmod(choice["index"], each)
        return choice | {"index": number * prompts + prompt}

    return each_choice(moved)(response, request)


PROMPTS = (
    misread(
        "first-prompt-only",
        "Of a list of prompts only the first is completed",
        "CPL003",
        lambda body: body | {"prompt": _prompts(body)[0]},
        is_list,
    ),
    misread(
        "choices-in-reverse-order",
        "The choices of a list of prompts are in reverse order",
        "CPL004",
        lambda body: body | {"prompt": _prompts(body)[::-1]},
        is_list,
    ),
    defect("choices-by-turns", "The choices of two prompts are in turn, if each has several", "CPL004", by_turns),
    misread(
        "token-ids-read-as-text",
        "A prompt of token IDs is read as text, brackets and commas included",
        "CPL013",
        with_each(str),
        holds("prompt", list),
    ),
    misread(
        "token-before-token-ids",
        "A token that begins a text is put before a prompt of token IDs",
        "CPL013",
        with_each(lambda ids: [BEGIN, *ids]),
        holds("prompt", list),
    ),
    defect(
        "usage-of-the-first-prompt",
        "Usage counts the first prompt of a list only",
        "CPL010",
        each_usage(of_the_first),
    ),
    defect(
        "token-ids-counted-with-another",
        "Usage counts one more token than the token IDs of a prompt",
        "CPL007",
        each_usage(lambda usage, request: with_prompt_tokens(usage, usage["prompt_tokens"] + _id_lists(request))),
    ),
)


def _id_lists(request: ServerRequest) -> int:
    """How many prompts are lists of token IDs."""
    return sum(isinstance(prompt, list) for prompt in _prompts(request.json))


def prompt_first(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The text of each choice begins with its prompt."""
    if request.api != "completions" or response.status != 200 or request.json.get("echo"):
        return response
    found = [prompt for prompt in prompts_of(request.json) for _ in range(int(request.json.get("n") or 1))]
    begun: set[int] = set()

    def edit(choice: Body) -> Body:
        before = "" if choice["index"] in begun else "".join(found[choice["index"]])
        begun.add(choice["index"])
        return choice | {"text": before + choice["text"]}

    return each_choice(edit)(response, request)


ECHO = (
    unread("echo-dropped", "`echo` is ignored", "CPL005", "echo"),
    unread("echo-dropped-when-streaming", "`echo` is ignored if streaming", "CPL005", "echo", where=streaming),
    defect("prompt-in-the-text", "The text begins with the prompt, though `echo` is not set", "CPL006", prompt_first),
    misread(
        "no-tokens-read-as-one",
        "max_tokens: 0 generates a token",
        "CPL008",
        with_fields(max_tokens=1),
        lambda request: holds("max_tokens", int)(request) and request.json["max_tokens"] == 0,
    ),
    misread(
        "echo-without-completion",
        "With `echo` the prompt is returned alone",
        "CPL015",
        with_fields(max_tokens=0),
        lambda request: holds("echo", bool)(request) and request.json["echo"],
    ),
    unread("suffix-dropped", "`suffix` is ignored", "CPL009", "suffix"),
    unread(
        "stop-looked-for-in-tokens",
        "A stop sequence that spans several tokens is missed",
        "CPL018",
        "stop",
        where=lambda request: holds("stop", list)(request) and max(map(len, request.json["stop"])) > 1,
    ),
    unread("best-of-dropped-when-streaming", "`best_of` is ignored if streaming", "CPL017", "best_of", where=streaming),
)


def in_content(lists: Lists) -> Body:
    """The log probabilities in the form of chat completions."""
    likeliest = lists["top_logprobs"] or [None] * len(lists["tokens"])
    columns = zip(lists["tokens"], lists["token_logprobs"], likeliest, strict=True)
    return {"content": [_entry(token, number) | {"top_logprobs": _listed(top)} for token, number, top in columns]}


def _entry(token: str, number: float | None) -> Body:
    return {"token": token, "logprob": number}


def _listed(likeliest: Body | None) -> list[Body]:
    return [_entry(*one) for one in (likeliest or {}).items()]


def longer(lists: Lists) -> Lists:
    """token_logprobs has an entry too many."""
    return lists | {"token_logprobs": [*lists["token_logprobs"], -0.5]}


def unscored(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The tokens of an echoed prompt have no log probability."""
    return _in_prompts(response, request, _nulled)


def uncovered(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The log probabilities are those of the completion alone, though the text begins with the prompt."""
    return _in_prompts(response, request, _cut)


def _in_prompts(response: ModelResponse, request: ServerRequest, edit: Callable[[Lists, int], Lists]) -> ModelResponse:
    """Edit the log probabilities that begin with an echoed prompt, given how many tokens it has."""
    if request.api != "completions" or response.status != 200 or not request.json.get("echo"):
        return response
    found = prompts_of(request.json)

    def change(lists: Lists) -> Lists:
        size = next((len(prompt) for prompt in found if tuple(lists["tokens"][: len(prompt)]) == prompt), 0)
        return edit(lists, size) if size else lists

    return each_logprobs(change)(response, request)


def _nulled(lists: Lists, size: int) -> Lists:
    return lists | {
        name: [None] * size + lists[name][size:] for name in ("token_logprobs", "top_logprobs") if lists[name]
    }


def _cut(lists: Lists, size: int) -> Lists:
    return {name: values[size:] if values else values for name, values in lists.items()}


def neighbours(lists: Lists, _size: int) -> Lists:
    """Each token with the score and the alternatives of the next."""
    return lists | {
        name: [*lists[name][1:], lists[name][-1]] for name in ("token_logprobs", "top_logprobs") if lists[name]
    }


def shifted(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The tokens of an echoed prompt have the scores of their neighbours."""
    return _in_prompts(response, request, neighbours)


def of_the_next(lists: Lists) -> Lists:
    """Each token with the top_logprobs of the next."""
    found = lists["top_logprobs"]
    return lists | {"top_logprobs": [*found[1:], found[0]]} if found and len(found) > 2 else lists


def from_zero(lists: Lists) -> Lists:
    """Offsets that begin at 0."""
    first, *_ = lists["text_offset"]
    return lists | {"text_offset": [offset - first for offset in lists["text_offset"]]}


LOGPROBS = (
    defect(
        "text-logprobs-in-chat-form",
        "The log probabilities of a text completion are in the form of chat completions",
        "CPL011",
        each_logprobs(in_content),
    ),
    defect("logprobs-lists-of-other-lengths", "token_logprobs has an entry too many", "CPL011", each_logprobs(longer)),
    defect("prompt-tokens-without-logprobs", "The tokens of an echoed prompt have no score", "CPL012", unscored),
    defect("prompt-scores-of-the-next-token", "The scores of an echoed prompt are shifted by one", "CPL016", shifted),
    defect(
        "prompt-tokens-not-listed",
        "logprobs lists the completion only, though the prompt is echoed",
        "CPL012",
        uncovered,
    ),
    defect(
        "text-alternatives-of-the-next-token",
        "Each token of a text completion has the top_logprobs of the next",
        "PAR004",
        each_logprobs(of_the_next),
    ),
    defect(
        "offsets-from-each-chunk",
        "text_offset begins at 0 in each chunk",
        "CPL014",
        on_streams(
            each_logprobs(
                lambda lists: lists | {"text_offset": [o - lists["text_offset"][0] for o in lists["text_offset"]]}
            )
        ),
    ),
    defect(
        "offsets-not-computed",
        "text_offset is -1 for each token",
        "CPL014",
        each_logprobs(lambda lists: lists | {"text_offset": [-1] * len(lists["tokens"])}),
    ),
)

SHARED = (
    unread("text-choices-dropped", "`n` of a Completions request is ignored", "FLD011", "n"),
    unread("text-logprobs-dropped", "`logprobs` of a Completions request is ignored", "FLD014", "logprobs"),
    unread("text-stop-dropped", "`stop` of a Completions request is ignored", "FLD016", "stop"),
    unread("text-stream-dropped", "`stream` of a Completions request is ignored", "FLD001", "stream", "stream_options"),
    unread("text-usage-dropped", "`stream_options` of a Completions request is ignored", "USE001", "stream_options"),
    misread(
        "text-cap-dropped",
        "`max_tokens` of a Completions request is ignored",
        "FLD010",
        with_fields(max_tokens=120),
        lambda request: holds("max_tokens", int)(request) and request.json["max_tokens"] > 0,
    ),
)
"""Defects that rules of other families catch: those hold for every API that generates text."""
