"""Requests that show what a gateway loses which translates between two APIs: a few that prove much."""

from collections.abc import Iterator
from typing import Final

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import CONVERSATIONAL, Api, Mode, Suite
from conformance.probes.baseline import Change, Fields, token_cap, user_message
from conformance.probes.encoding import Offer, request_encoding, tools, usage_too
from conformance.probes.tools import TWICE, closed, tool

STREAM: tuple[Mode, ...] = ("stream",)
UNARY: tuple[Mode, ...] = ("unary",)
CITY: Final = tool(
    "get_weather", "Tell the weather in a city.", closed(city={"type": "string", "enum": ["Oslo", "Rome"]})
)
CLOCK: Final = tool("get_time", "Tell the time in a city.", closed(city={"type": "string"}))
RULES: Final = "Canary rules: answer in English, and name no other city."
ASKED: Final = "What is the weather in Oslo, and what is it in Rome? ({marker})"
"""The marker is in several texts of a history, so that a request is known that lost one of them."""
LOOKING: Final = "I look at both."
GO_ON: Final = "Now tell the time in Oslo, please. Call the tool. ({marker})"
FOUND: Final = ("7 degrees and rain", "19 degrees and sun")
IDS: Final = ("call_canary_oslo", "call_canary_rome")
CITIES: Final = ("Oslo", "Rome")
MARKER: Final = {"cache_control": {"type": "ephemeral"}}
IMAGE: Final = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
"""A PNG of one pixel."""
SCHEMA: Final = closed(answer={"type": "string"})
SESSIONS: Final = tuple(f"user_{'c' * 64}_account__session_canary-{number}" for number in (1, 2))
"""User IDs as Claude Code sends them, of two sessions of one user."""


def _history(api: Api) -> Fields:
    """Instructions, a turn with a text and two parallel calls, their results, and a question beside them."""
    if api == "chat":
        return {"messages": _chat_history()}
    if api == "responses":
        return {"instructions": RULES, "input": _responses_history()}
    calls = [
        {"type": "tool_use", "id": name, "name": "get_weather", "input": {"city": city}}
        for name, city in zip(IDS, CITIES, strict=True)
    ]
    results = [
        {"type": "tool_result", "tool_use_id": name, "content": text} for name, text in zip(IDS, FOUND, strict=True)
    ]
    return {
        "system": [{"type": "text", "text": RULES, **MARKER}],
        "messages": [
            {"role": "user", "content": ASKED},
            {"role": "assistant", "content": [{"type": "text", "text": LOOKING}, *calls]},
            {"role": "user", "content": [*results, {"type": "text", "text": GO_ON, **MARKER}]},
        ],
    }


def _chat_history() -> list[Fields]:
    calls = [
        {"id": name, "type": "function", "function": {"name": "get_weather", "arguments": f'{{"city": "{city}"}}'}}
        for name, city in zip(IDS, CITIES, strict=True)
    ]
    results = [{"role": "tool", "tool_call_id": name, "content": text} for name, text in zip(IDS, FOUND, strict=True)]
    return [
        {"role": "system", "content": RULES},
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": LOOKING, "tool_calls": calls},
        *results,
        {"role": "user", "content": GO_ON},
    ]


def _responses_history() -> list[Fields]:
    calls = [
        {"type": "function_call", "call_id": name, "name": "get_weather", "arguments": f'{{"city": "{city}"}}'}
        for name, city in zip(IDS, CITIES, strict=True)
    ]
    results = [
        {"type": "function_call_output", "call_id": name, "output": text} for name, text in zip(IDS, FOUND, strict=True)
    ]
    return [
        {"role": "user", "content": ASKED},
        {"role": "assistant", "content": LOOKING},
        *calls,
        *results,
        {"role": "user", "content": GO_ON},
    ]


SETTINGS: Final[dict[Api, Fields]] = {
    "chat": {"temperature": 0, "stop": ["CANARY"], "user": "canary-user"},
    "messages": {"temperature": 0, "stop_sequences": ["CANARY"], "metadata": {"user_id": SESSIONS[0]}},
    "responses": {"temperature": 0, "user": "canary-user"},
}
"""Settings that the APIs have under different names."""
SECOND_SESSION: Final[Fields] = {"metadata": {"user_id": SESSIONS[1]}}
FORMATS: Final[dict[Api, Fields]] = {
    "chat": {"response_format": {"type": "json_object"}},
    "messages": {"output_config": {"format": {"type": "json_schema", "schema": SCHEMA}}},
    "responses": {"text": {"format": {"type": "json_schema", "name": "answer", "schema": SCHEMA, "strict": True}}},
}


def _looking_at(api: Api) -> Fields:
    """An image beside a text."""
    text = "What color is this?"
    url = f"data:image/png;base64,{IMAGE}"
    if api == "messages":
        source = {"type": "base64", "media_type": "image/png", "data": IMAGE}
        parts: list[Fields] = [{"type": "image", "source": source}, {"type": "text", "text": text}]
    elif api == "chat":
        parts = [{"type": "image_url", "image_url": {"url": url}}, {"type": "text", "text": text}]
    else:
        image = {"type": "input_image", "image_url": url, "detail": "auto"}
        parts = [image, {"type": "input_text", "text": text}]
    return {"input" if api == "responses" else "messages": [{"role": "user", "content": parts}]}


def _with(api: Api, fields: Fields) -> Change:
    return lambda body, mode: body | fields | usage_too(api, mode)


def _probe(  # noqa: PLR0913 - a probe is a record
    api: Api,
    subject: str,
    purpose: str,
    build: Change,
    *,
    script: str = "native-sse",
    kind: Kind = Kind.GATEWAY_TURN,
    modes: tuple[Mode, ...] = UNARY,
    suite: Suite = "gate",
) -> Probe:
    return Probe(
        api=api,
        kind=kind,
        subject=subject,
        purpose=purpose,
        script=script,
        modes=modes,
        suite=suite,
        build_body=build,
        max_tokens=128,
        is_followed=False,
    )


def _marked(api: Api, fields: Fields) -> Fields:
    """The tools with a cache marker on the last one, where the API has it."""
    if api != "messages":
        return fields
    *others, last = fields["tools"]
    return fields | {"tools": [*others, last | MARKER]}


def _requests(api: Api) -> Iterator[Probe]:
    """What has to arrive upstream."""
    named = _marked(api, tools(api, Offer((CITY, CLOCK), "get_time", alone=True)))
    yield _probe(
        api,
        "history",
        "Two parallel calls with results and a text beside them, instructions, and one tool by name.",
        _with(api, _history(api) | SETTINGS[api] | named | token_cap(api, 96)),
    )
    yield _probe(
        api,
        "image",
        "An image beside a text.",
        _with(api, _looking_at(api) | (SECOND_SESSION if api == "messages" else {})),
        script="sees-everything",
        kind=Kind.GATEWAY_CONTENT,
    )
    yield _probe(
        api,
        "format",
        "The response has to be JSON.",
        _with(api, user_message(api, "Say hello as JSON.") | FORMATS[api]),
        script="sees-everything",
        suite="full" if api == "chat" else "gate",  # another chat request asks for JSON, too
    )


BY_CHAT: Final[dict[Api, Suite]] = {"chat": "full", "messages": "gate", "responses": "gate"}
"""The suite of what only a chat upstream shows, by the client's API."""


def _calls(api: Api) -> Iterator[Probe]:
    """Tool calls that have to arrive at the client."""
    yield _probe(
        api,
        "two-calls",
        "A call is required, and the model makes two, with different arguments.",
        request_encoding(api, TWICE, 96, Offer((CITY,), "required")),
        script="two-different-calls",
        modes=STREAM,
    )
    yield _probe(
        api,
        "two-calls.whole",
        "A call is required, and the model makes two, with different arguments.",
        request_encoding(api, TWICE, 96, Offer((CITY,), "required")),
        script="two-different-calls",
        suite="full",
    )
    yield _probe(
        api,
        "broken-arguments",
        "The arguments of a call are not JSON.",
        request_encoding(api, TWICE, 96, Offer((CITY,), "required")),
        script="broken-arguments",
        kind=Kind.GATEWAY_FAULT,
        modes=STREAM,
        suite=BY_CHAT[api],
    )


def _endings(api: Api) -> Iterator[Probe]:
    """How responses end, and what comes before their text."""
    yield _probe(
        api, "filtered", "A filter ends the response.", _with(api, {}), script="content-filtered", modes=STREAM
    )
    yield _probe(api, "reasoning", "The model thinks aloud first.", _with(api, {}), script="thinks-aloud", modes=STREAM)
    yield _probe(
        api, "filtered.whole", "A filter ends the response.", _with(api, {}), script="content-filtered", suite="full"
    )
    yield _probe(
        api,
        "reasoning.whole",
        "The model thinks aloud first; in chat, under another name.",
        _with(api, {}),
        script="thinks-under-another-name",
        suite=BY_CHAT[api],
    )
    yield _probe(
        api,
        "refusal",
        "A chat upstream refuses in its own field.",
        _with(api, {}),
        script="model-refuses",
        modes=STREAM,
        suite=BY_CHAT[api],
    )


def _failures(api: Api) -> Iterator[Probe]:
    """Failures that have to stay failures."""
    yield _probe(
        api,
        "failed",
        "The upstream fails after its last token.",
        _with(api, {}),
        script="fails-at-the-end",
        kind=Kind.GATEWAY_FAULT,
        modes=STREAM,
        suite="gate" if api == "messages" else "full",
    )
    if api != "responses":  # whose responses may have the status 200 and report a failure
        yield _probe(
            api,
            "failed.whole",
            "The upstream fails.",
            _with(api, {}),
            script="fails-at-the-end",
            kind=Kind.GATEWAY_FAULT,
            suite="full",
        )


def _untold(api: Api) -> Probe:
    """For clients whose API always has usage."""
    purpose = "A chat upstream never tells its usage."
    return _probe(
        api,
        "usage-untold",
        purpose,
        _with(api, {}),
        script="usage-never-told",
        kind=Kind.GATEWAY_FAULT,
        modes=STREAM,
    )


STATE = _probe(
    "responses",
    "previous-response",
    "The request names an earlier response that does not exist.",
    _with("responses", {"previous_response_id": "resp_canary"}),
    kind=Kind.GATEWAY_CONTENT,
)

PROBES = (
    *(probe for api in CONVERSATIONAL for of in (_requests, _calls, _endings, _failures) for probe in of(api)),
    _untold("messages"),
    _untold("responses"),
    STATE,
)
