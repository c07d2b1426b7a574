"""Legal variants: OpenAI's own dialects, of a model that reasons and of one that does not.

https://platform.openai.com/docs/guides/reasoning,
https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.testbed.mutations.mutate_chat import (
    each_choice,
    each_chunk,
    each_message,
    each_part,
    in_turn,
    on_whole,
    with_fields,
)
from conformance.testbed.mutations.mutate_chat import without_fields as bare
from conformance.testbed.mutations.mutate_dialects import (
    Body,
    accepting,
    all_of,
    member,
    read_in_turn,
    reasoning,
    refusing,
    started_late,
    without_fields,
)
from conformance.testbed.mutations.mutate_responses import each_end
from conformance.testbed.mutations.openai_words import (
    chat_combinations,
    least_cap,
    strict_in_chat,
    strict_in_responses,
    unsupported,
    unsupported_value,
)
from conformance.testbed.server.refusal import Refusal
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, Reasoning, ServerRequest
from conformance.testbed.server.seal import unseal

EFFORT = {"minimal": 8, "low": 16, "medium": 24, "high": 48}
"""Tokens of reasoning for each effort that the model supports."""
USUAL = "medium"
SEALED = "reasoning.encrypted_content"
LONGEST_PADDING = 16
SLOW_S = 2.0
"""Seconds before the first byte: less than the self-test waits, and more than most of its responses take."""


def padded(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Padding in every chunk and delta, so that lengths tell nothing; a client may turn it off."""
    wanted = member(request.json, "stream_options", "include_obfuscation") is not False
    if not response.events or not wanted or request.api == "messages":
        return response
    events = []
    for index, event in enumerate(response.events):
        is_padded = isinstance(event.data, dict) and (request.api == "chat" or (event.name or "").endswith(".delta"))
        padding = {"obfuscation": _padding(f"{request.id}.{index}")} if is_padded else {}
        events.append(replace(event, data=event.data | padding) if padding else event)
    return replace(response, events=tuple(events))


def _padding(seed: str) -> str:
    digest = hashlib.sha256(seed.encode())
    return digest.hexdigest()[: 1 + digest.digest()[0] % LONGEST_PADDING]


def completed(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """A finished response says when it was completed."""
    return each_end(lambda r: r | {"completed_at": request.at if r["status"] == "completed" else None})(
        response, request
    )


def shaped(fingerprint: str | None) -> OnResponse:
    """The fields that OpenAI adds to responses and chunks."""
    frame = with_fields(service_tier="default", system_fingerprint=fingerprint)
    return in_turn(
        each_chunk(frame),
        on_whole(frame),
        each_message(with_fields(annotations=[])),
        each_end(with_fields(max_tool_calls=None, prompt_cache_key=None, safety_identifier=None, top_logprobs=0)),
        completed,
        padded,
        least_cap,
    )


def never_reasoning(body: Body) -> Iterator[Refusal]:
    """A model that does not reason has no effort."""
    if body.get("reasoning_effort") is not None:
        yield unsupported("reasoning_effort")
    if member(body, "reasoning", "effort") is not None:
        yield unsupported("reasoning.effort", None)


CLASSIC = Mutation(
    name="openai-classic",
    title="OpenAI's dialect of a model that does not reason: padding, closed strict schemas, no empty arrays",
    on_response=in_turn(
        shaped("fp_3f2a9c1d70"),
        refusing(
            {
                "chat": all_of(chat_combinations, strict_in_chat, never_reasoning),
                "responses": all_of(strict_in_responses, never_reasoning),
            }
        ),
    ),
)


def effort(request: ServerRequest, body: Body) -> Reasoning:
    """Reasoning of the requested effort; chat hides it, Responses seals it on request."""
    names = ("reasoning_effort",) if request.api == "chat" else ("reasoning", "effort")
    wanted = member(body, *names)
    tokens = EFFORT.get(wanted if isinstance(wanted, str) else USUAL, EFFORT[USUAL])
    return Reasoning(tokens=tokens, is_sealed=body.get("include") == [SEALED])


def as_read(body: Body) -> Body:
    """The body without what only asks for sealed reasoning, and with the effort that is used."""
    return with_usual_effort(without_fields("include")(body) if body.get("include") == [SEALED] else body)


def with_usual_effort(body: Body) -> Body:
    """The body as the response echoes it, with the effort that is used."""
    wanted = body.get("reasoning")
    if wanted is not None and not isinstance(wanted, dict):
        return body
    given = {name: value for name, value in (wanted or {}).items() if value is not None}
    return body | {"reasoning": {"effort": USUAL, "summary": None} | given}


REFUSED_IN_CHAT = (
    *("top_p", "stop", "presence_penalty", "frequency_penalty"),
    *("logprobs", "top_logprobs", "logit_bias"),
)
REFUSED_IN_RESPONSES = ("temperature", "top_p", "top_logprobs")
HARMLESS: tuple[Any, ...] = (None, False)
"""Values of a refused parameter that request nothing."""


def reasoning_chat(body: Body) -> Iterator[Refusal]:
    """Parameters that chat refuses for a model that reasons."""
    if body.get("max_tokens") is not None:
        yield unsupported("max_tokens", instead="max_completion_tokens")
    if body.get("temperature") not in (None, 1):
        yield unsupported_value("temperature", body["temperature"], "Only the default (1) value is supported.")
    yield from (unsupported(name) for name in REFUSED_IN_CHAT if not _is_harmless(body.get(name)))
    yield from _effort(body.get("reasoning_effort"), "reasoning_effort")


def reasoning_responses(body: Body) -> Iterator[Refusal]:
    """Parameters that Responses refuses for a model that reasons; the error has no code."""
    yield from (unsupported(name, None) for name in REFUSED_IN_RESPONSES if not _is_harmless(body.get(name)))
    yield from _effort(member(body, "reasoning", "effort"), "reasoning.effort")
    yield from broken_reasoning(body.get("input"))


def _is_harmless(value: Any) -> bool:
    return any(value is harmless for harmless in HARMLESS)


def _effort(value: Any, name: str) -> Iterator[Refusal]:
    if value is not None and value not in EFFORT:
        listed = ", ".join(f"'{known}'" for known in EFFORT)
        yield unsupported_value(name, f"'{value}'", f"Supported values are: {listed}.")


def broken_reasoning(items: Any) -> Iterator[Refusal]:
    """Reasoning items whose content was changed, or that are sent back without what followed them."""
    given: list[Body] = items if isinstance(items, list) else []
    for at, item in enumerate(given):
        if item.get("type") != "reasoning":
            continue
        sealed = item.get("encrypted_content")
        if isinstance(sealed, str) and unseal(sealed) is None:
            message = f"The encrypted content {sealed[:8]}... could not be verified."
            yield Refusal(message=message, param=f"input[{at}].encrypted_content", code="invalid_encrypted_content")
        if not any(_is_output(later) for later in given[at + 1 :]):
            lone = f"Item '{str(item.get('id'))[:80]}' of type 'reasoning'"
            yield Refusal(message=f"{lone} was provided without its required following item.", param="input")


def _is_output(item: Body) -> bool:
    return item.get("type") == "function_call" or item.get("role") == "assistant"


def _reasoning(name: str, title: str, *more: OnResponse) -> Mutation:
    return Mutation(
        name=name,
        title=title,
        on_request=read_in_turn(reasoning(_unless_messages), accepting(as_read, "responses")),
        on_response=in_turn(
            shaped(None),
            each_part(bare("logprobs")),
            each_choice(bare("logprobs")),
            refusing(
                {
                    "chat": all_of(chat_combinations, strict_in_chat, reasoning_chat),
                    "responses": all_of(strict_in_responses, reasoning_responses),
                }
            ),
            *more,
        ),
    )


def _unless_messages(request: ServerRequest, body: Body) -> Reasoning:
    return Reasoning() if request.api == "messages" else effort(request, body)


OPENAI = (
    CLASSIC,
    _reasoning(
        "openai-reasoning",
        "OpenAI's dialect of a model that reasons: thoughts use up small caps, and sampling is refused by name",
    ),
    _reasoning(
        "slow-first-byte",
        "OpenAI's dialect of a model that reasons, and nothing is sent for two seconds",
        started_late(SLOW_S),
    ),
)
