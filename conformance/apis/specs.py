"""The APIs. A new one is a case of `spec`, which mypy demands for every name in `Api`."""

from typing import Final, assert_never

from conformance.apis import chat, chat_faults, messages, pieces, responses, token_counts
from conformance.apis.spec import ApiSpec
from conformance.model.target import Target
from conformance.model.words import APIS, Api

SAMPLING: Final = ("temperature", "top_p")
"""Parameters that models that reason refuse: https://platform.openai.com/docs/guides/reasoning and
https://docs.anthropic.com/en/docs/build-with-claude/extended-thinking ("Feature compatibility")."""

CHAT: Final = ApiSpec(
    title="Chat Completions",
    path="/chat/completions",
    request_schema="chat-request",
    response_schema="chat-completion",
    event_schema="chat-chunk",
    base_profile="openai-python",
    key_headers=("authorization",),
    conversation="messages",
    caps=("max_tokens", "max_completion_tokens"),
    cap="max_tokens",
    min_cap=1,
    brief_cap=8,
    short_tokens=8,
    stop="stop",
    format="response_format",
    single_call="parallel_tool_calls",
    choices="n",
    effects=(
        *("n", "logprobs", "top_logprobs", "tool_choice", "response_format", "stop", "stream_options"),
        *("stream_options.include_usage", "response_format.json_schema"),
        *("max_tokens", "max_completion_tokens", "logit_bias"),
    ),
    refused_by_vendor=(
        *SAMPLING,
        *("max_tokens", "stop", "presence_penalty", "frequency_penalty", "logprobs", "top_logprobs", "logit_bias"),
    ),
    streams=True,
    terminal_events=(),
    skipped_events=(),
    output_tokens="completion_tokens",
    usage_adds_up=False,
    content=chat.chat_content,
    pieces=pieces.chat_pieces,
    counts=token_counts.chat_counts,
    first_call=chat.first_call,
    unreadable_reason=chat_faults.unreadable_reason,
)
MESSAGES: Final = ApiSpec(
    title="Anthropic Messages",
    path="/messages",
    request_schema="messages-request",
    response_schema="messages-message",
    event_schema="messages-event",
    base_profile="claude-sdk",
    key_headers=("authorization", "x-api-key"),
    conversation="messages",
    caps=("max_tokens",),
    cap="max_tokens",
    min_cap=1,
    brief_cap=8,
    short_tokens=8,
    stop="stop_sequences",
    format="output_config",
    single_call="tool_choice.disable_parallel_tool_use",
    choices=None,
    effects=("tool_choice", "stop_sequences", "max_tokens"),
    refused_by_vendor=(*SAMPLING, "top_k"),
    streams=True,
    terminal_events=messages.TERMINAL_EVENTS,
    skipped_events=messages.SKIPPED_EVENTS,
    output_tokens="output_tokens",
    usage_adds_up=True,
    content=messages.messages_content,
    pieces=pieces.messages_pieces,
    counts=token_counts.messages_counts,
    first_call=messages.first_call,
    unreadable_reason=messages.unreadable_reason,
)
RESPONSES: Final = ApiSpec(
    title="OpenAI Responses",
    path="/responses",
    request_schema="responses-request",
    response_schema="responses-response",
    event_schema="responses-event",
    base_profile="openai-python",
    key_headers=("authorization",),
    conversation="input",
    caps=("max_output_tokens",),
    cap="max_output_tokens",
    min_cap=16,
    brief_cap=16,
    short_tokens=24,
    stop=None,
    format="text",
    single_call="parallel_tool_calls",
    choices=None,
    effects=("tool_choice", "max_output_tokens", "text"),
    refused_by_vendor=(*SAMPLING, "top_logprobs"),
    streams=True,
    terminal_events=responses.TERMINAL_EVENTS,
    skipped_events=(),
    output_tokens="output_tokens",
    usage_adds_up=False,
    content=responses.responses_content,
    pieces=pieces.responses_pieces,
    counts=token_counts.responses_counts,
    first_call=responses.first_call,
    unreadable_reason=responses.unreadable_reason,
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
        case _:
            assert_never(api)


SPECS: Final = tuple(spec(api) for api in APIS)


def url_of(target: Target, api: Api) -> str:
    """The full URL of an API of a target: the base URL and the API's path, unchanged."""
    return target.base_url.rstrip("/") + target.paths.get(api, spec(api).path)
