"""The APIs. A new one is a case of `spec`, which mypy demands for every name in `Api`."""

from typing import Final, assert_never

from conformance.apis import chat, chat_faults, messages, pieces, responses, token_counts
from conformance.apis.embeddings import EMBEDDINGS
from conformance.apis.spec import ApiSpec, ConversationSpec, GenerationSpec
from conformance.model.target import Target
from conformance.model.words import APIS, CONVERSATIONAL, GENERATIVE, Api

SAMPLING: Final = ("temperature", "top_p")
"""Parameters that models that reason refuse: https://platform.openai.com/docs/guides/reasoning and
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking ("Feature compatibility")."""

CHAT: Final = ApiSpec(
    title="Chat Completions",
    path="/chat/completions",
    request_schema="chat-request",
    response_schema="chat-completion",
    base_profile="openai-python",
    key_headers=("authorization",),
    prompt="messages",
    effects=(
        *("n", "logprobs", "top_logprobs", "tool_choice", "response_format", "stop", "stream_options"),
        *("stream_options.include_usage", "response_format.json_schema"),
        *("max_tokens", "max_completion_tokens", "logit_bias"),
    ),
    refused_by_vendor=(
        *SAMPLING,
        *("max_tokens", "stop", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"),
    ),
    content=chat.chat_content,
    counts=token_counts.chat_counts,
    unreadable_reason=chat_faults.unreadable_reason,
    generation=GenerationSpec(
        event_schema="chat-chunk",
        caps=("max_tokens", "max_completion_tokens"),
        cap="max_tokens",
        min_cap=1,
        brief_cap=8,
        short_tokens=8,
        stop="stop",
        choices="n",
        terminal_events=(),
        skipped_events=(),
        output_tokens="completion_tokens",
        usage_adds_up=False,
        pieces=pieces.chat_pieces,
        conversation=ConversationSpec(
            format="response_format", single_call="parallel_tool_calls", first_call=chat.first_call
        ),
    ),
)
MESSAGES: Final = ApiSpec(
    title="Anthropic Messages",
    path="/messages",
    request_schema="messages-request",
    response_schema="messages-message",
    base_profile="claude-sdk",
    key_headers=("authorization", "x-api-key"),
    prompt="messages",
    effects=("tool_choice", "stop_sequences", "max_tokens"),
    refused_by_vendor=(*SAMPLING, "top_k"),
    content=messages.messages_content,
    counts=token_counts.messages_counts,
    unreadable_reason=messages.unreadable_reason,
    generation=GenerationSpec(
        event_schema="messages-event",
        caps=("max_tokens",),
        cap="max_tokens",
        min_cap=1,
        brief_cap=8,
        short_tokens=8,
        stop="stop_sequences",
        choices=None,
        terminal_events=messages.TERMINAL_EVENTS,
        skipped_events=messages.SKIPPED_EVENTS,
        output_tokens="output_tokens",
        usage_adds_up=True,
        pieces=pieces.messages_pieces,
        conversation=ConversationSpec(
            format="output_config",
            single_call="tool_choice.disable_parallel_tool_use",
            first_call=messages.first_call,
        ),
    ),
)
RESPONSES: Final = ApiSpec(
    title="OpenAI Responses",
    path="/responses",
    request_schema="responses-request",
    response_schema="responses-response",
    base_profile="openai-python",
    key_headers=("authorization",),
    prompt="input",
    effects=("tool_choice", "max_output_tokens", "text"),
    refused_by_vendor=(*SAMPLING, "top_logprobs"),
    content=responses.responses_content,
    counts=token_counts.responses_counts,
    unreadable_reason=responses.unreadable_reason,
    generation=GenerationSpec(
        event_schema="responses-event",
        caps=("max_output_tokens",),
        cap="max_output_tokens",
        min_cap=16,
        brief_cap=16,
        short_tokens=24,
        stop=None,
        choices=None,
        terminal_events=responses.TERMINAL_EVENTS,
        skipped_events=(),
        output_tokens="output_tokens",
        usage_adds_up=False,
        pieces=pieces.responses_pieces,
        conversation=ConversationSpec(
            format="text", single_call="parallel_tool_calls", first_call=responses.first_call
        ),
    ),
)

COMPLETIONS: Final = ApiSpec(
    title="Completions",
    path="/completions",
    request_schema="completions-request",
    response_schema="completions-response",
    base_profile="openai-python",
    key_headers=("authorization",),
    prompt="prompt",
    effects=(
        *("n", "echo", "logprobs", "stop", "stream_options", "stream_options.include_usage"),
        *("max_tokens", "logit_bias"),
    ),
    refused_by_vendor=("best_of", "echo", "logprobs", "suffix"),
    content=chat.chat_content,
    counts=token_counts.chat_counts,
    unreadable_reason=chat_faults.unreadable_reason,
    generation=GenerationSpec(
        event_schema="completions-chunk",
        caps=("max_tokens",),
        cap="max_tokens",
        min_cap=1,
        brief_cap=8,
        short_tokens=8,
        stop="stop",
        choices="n",
        terminal_events=(),
        skipped_events=(),
        output_tokens="completion_tokens",
        usage_adds_up=False,
        pieces=pieces.completions_pieces,
        conversation=None,
    ),
)


def spec(api: Api) -> ApiSpec:
    """The record of an API."""
    match api:
        case "chat":
            return CHAT
        case "messages":
            return MESSAGES
        case "responses":
            return RESPONSES
        case "completions":
            return COMPLETIONS
        case "embeddings":
            return EMBEDDINGS
        case _:
            assert_never(api)


def generation(api: Api) -> GenerationSpec:
    """What an API has that generates text. Raises ValueError for another one."""
    found = spec(api).generation
    if found is None:
        raise ValueError(f"{api} generates no text")
    return found


def conversation(api: Api) -> ConversationSpec:
    """What an API has whose requests consist of messages. Raises ValueError for another one."""
    found = generation(api).conversation
    if found is None:
        raise ValueError(f"{api} has no messages")
    return found


def caps(api: Api) -> tuple[str, ...]:
    """The request fields that limit the completion tokens; none if the API generates no text."""
    found = spec(api).generation
    return found.caps if found else ()


SPECS: Final[dict[Api, ApiSpec]] = {api: spec(api) for api in APIS}
GENERATIONS: Final = tuple(generation(api) for api in GENERATIVE)
CONVERSATIONS: Final = tuple(conversation(api) for api in CONVERSATIONAL)


def url_of(target: Target, api: Api) -> str:
    """The full URL of an API of a target: the base URL and the API's path, unchanged."""
    return target.base_url.rstrip("/") + target.paths.get(api, spec(api).path)
