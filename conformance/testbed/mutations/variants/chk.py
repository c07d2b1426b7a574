"""Legal variants of a chat stream, as servers in use send them."""

from collections import Counter
from collections.abc import Callable, Iterator

from conformance.testbed.mutations.defects.chk import ended_with_text
from conformance.testbed.mutations.defects.use import on_every_chunk
from conformance.testbed.mutations.mutate_chat import (
    Body,
    each_chunk,
    each_delta,
    each_fragment,
    each_part,
    in_turn,
    on_stream,
    text_of,
    variant,
    with_delta,
    with_fields,
    without_fields,
)
from conformance.testbed.mutations.mutate_dialects import thoughtful
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, ServerRequest

PLAIN = {"model", "messages", "stream", "stream_options"}


def annotated(chunks: list[Body]) -> list[Body]:
    """Azure's first chunk: only the content filter results of the prompt."""
    blank = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
    return [blank | {"prompt_filter_results": [{"prompt_index": 0, "content_filter_results": {}}]}, *chunks]


def moderated(chunks: list[Body]) -> list[Body]:
    """The moderation results of the request after everything else, as OpenAI sends them."""
    return [*chunks, chunks[-1] | {"choices": [], "usage": None, "moderation": {"input": {"results": []}}}]


def worded(chunks: list[Body], words: Callable[[int], str]) -> Iterator[Body]:
    """The chunks with other texts: the first, the second ... of each choice."""
    count: Counter[int] = Counter()
    for chunk in chunks:
        if text_of(chunk):
            choice = chunk["choices"][0]
            count[choice["index"]] += 1
            delta = choice["delta"] | {"content": words(count[choice["index"]])}
            yield chunk | {"choices": [choice | {"delta": delta}]}
        else:
            yield chunk


def growing(chunks: list[Body]) -> Iterator[Body]:
    """Texts that each begin with all earlier ones."""
    return worded(chunks, lambda times: " ha" * times)


def repeating(chunks: list[Body]) -> Iterator[Body]:
    """Texts that are all the same."""
    return worded(chunks, lambda _: " ha")


def in_plain_words(edit: Callable[[list[Body]], Iterator[Body]]) -> OnResponse:
    """Edit the streams of requests that do not constrain the text."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        free = isinstance(request.json, dict) and ("n" in request.json or not request.json.keys() - PLAIN)
        return on_stream(edit)(response, request) if free else response

    return change


def call_at_once(chunks: list[Body]) -> Iterator[Body]:
    """The complete tool call in its first fragment."""
    calls = [call for chunk in chunks for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", ())]
    if not calls or any(call["index"] for call in calls):
        yield from chunks
        return
    arguments = "".join(call["function"]["arguments"] for call in calls)
    whole = calls[0] | {"function": calls[0]["function"] | {"arguments": arguments}}
    for chunk in chunks:
        fragments = [call for choice in chunk["choices"] for call in choice["delta"].get("tool_calls", ())]
        if not fragments:
            yield chunk
        elif "id" in fragments[0]:
            yield with_delta(chunk, {"tool_calls": [whole]})


def spaced(chunks: list[Body]) -> Iterator[Body]:
    """An empty delta after each one with text."""
    for chunk in chunks:
        yield chunk
        if text_of(chunk):
            yield with_delta(chunk, {"content": ""})


def with_a_choice(chunk: Body) -> Body:
    """A usage chunk with an empty choice, as LiteLLM sends it."""
    return chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": None}]}


def terse(chunks: list[Body]) -> Iterator[Body]:
    """Per choice: the role in its first delta with content, each call in one piece, finish_reason in its last delta."""
    if any(part["logprobs"] for chunk in chunks for part in chunk["choices"]):
        yield from chunks
        return
    own: dict[int, list[Body]] = {}
    for part in (part for chunk in chunks for part in chunk["choices"]):
        own.setdefault(part["index"], []).append(part)
    for index, parts in own.items():
        finish = next((part["finish_reason"] for part in parts if part["finish_reason"]), None)
        first, *rest = _together([part["delta"] for part in parts]) or [{"content": ""}]
        deltas = [{"role": "assistant"} | first, *rest]
        for at, delta in enumerate(deltas, 1):
            choice = {"index": index, "delta": delta, "finish_reason": finish if at == len(deltas) else None}
            yield chunks[0] | {"choices": [choice]}
    yield from (chunk for chunk in chunks if not chunk["choices"])


def _together(deltas: list[Body]) -> list[Body]:
    """The deltas with text, and one with all calls."""
    calls: dict[int, Body] = {}
    for fragment in (fragment for delta in deltas for fragment in delta.get("tool_calls") or ()):
        before = calls.get(fragment["index"])
        count = (before["function"]["arguments"] if before else "") + fragment["function"]["arguments"]
        whole = before or fragment
        calls[fragment["index"]] = whole | {"function": whole["function"] | {"arguments": count}}
    texts: list[Body] = [{"content": delta["content"]} for delta in deltas if delta.get("content")]
    return [*texts, *([{"tool_calls": list(calls.values())}] if calls else [])]


CHUNK_VARIANTS = (
    variant(
        "first-content-null",
        "The first delta has content null, as llama.cpp sends it",
        each_delta(with_fields(content=None), lambda delta: "role" in delta),
    ),
    variant("role-on-every-chunk", "Every delta has the role", each_delta(with_fields(role="assistant"))),
    variant(
        "role-null-later", "Later deltas have role null", each_delta(with_fields(role=None), lambda d: "role" not in d)
    ),
    variant(
        "last-text-with-finish", "The last text is in the chunk with the finish_reason", on_stream(ended_with_text)
    ),
    variant("usage-so-far", "Every chunk has the cumulative usage", on_stream(on_every_chunk)),
    variant(
        "usage-with-an-empty-choice",
        "The usage chunk has a choice with an empty delta",
        each_chunk(with_a_choice, lambda chunk: chunk.get("usage")),
    ),
    variant(
        "vendor-fields-in-chunks",
        "Chunks, choices and deltas have vendor-specific fields",
        in_turn(
            each_delta(with_fields(x_delta={"a": [1]})),
            each_part(with_fields(stop_reason=None, token_ids=None, content_filter_results={})),
            each_chunk(with_fields(provider="example", x_vendor={"id": "1"}, obfuscation="abc", prompt_token_ids=None)),
        ),
    ),
    variant(
        "nulls-in-chunks",
        "Optional fields are null",
        in_turn(
            each_delta(
                with_fields(refusal=None, tool_calls=None, function_call=None), lambda delta: "content" in delta
            ),
            each_part(lambda part: {"logprobs": None} | part),
            each_chunk(with_fields(service_tier=None, system_fingerprint=None)),
        ),
    ),
    variant(
        "chunks-without-optional-fields",
        "Chunks have the required fields only",
        in_turn(
            each_delta(without_fields("refusal")),
            each_part(lambda part: part if part["logprobs"] else without_fields("logprobs")(part)),
            each_chunk(without_fields("system_fingerprint", "service_tier")),
        ),
    ),
    variant(
        "no-calls-listed",
        "Deltas with text have an empty tool_calls list, as vLLM has sent them",
        each_delta(with_fields(tool_calls=[]), lambda delta: delta.get("content")),
    ),
    variant("azure-first-chunk", "The first chunk holds only Azure's content filter results", on_stream(annotated)),
    variant("moderation-last", "Moderation results follow in a chunk without choices", on_stream(moderated)),
    Mutation(
        name="thoughts-first",
        title="Reasoning is sent before the text, beside a null content",
        on_request=thoughtful,
        on_response=each_delta(lambda delta: {"content": None} | delta, lambda delta: "reasoning_content" in delta),
    ),
    variant("id-of-another-form", "The id has another format", each_chunk(lambda c: c | {"id": f"gen/{c['id']}:☂"})),
    variant("text-grows", "The model says a word once, then twice, then three times", in_plain_words(growing)),
    variant("text-repeats", "The model says one word again and again", in_plain_words(repeating)),
    variant("created-at-zero", "`created` is 0", each_chunk(with_fields(created=0))),
    variant(
        "empty-deltas-between",
        "There are empty deltas between those with text",
        on_stream(spaced),
    ),
    variant("call-in-one-fragment", "A tool call is sent in one fragment", on_stream(call_at_once)),
    variant(
        "call-type-repeated",
        "Later fragments of a call repeat its type",
        each_fragment(with_fields(type="function"), lambda fragment: "id" not in fragment),
    ),
    variant(
        "chunks-as-few-as-possible",
        "Roles, calls and finish_reasons share a chunk with what they belong to",
        on_stream(terse),
    ),
    variant(
        "second-choice-first",
        "The last choice is sent completely before the first",
        on_stream(lambda chunks: sorted(chunks, key=lambda c: -c["choices"][0]["index"] if c["choices"] else 1)),
    ),
)
