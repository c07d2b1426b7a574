"""The Vercel AI SDK on Chat Completions: its OpenAI-compatible provider, and its OpenAI provider."""

import re
from dataclasses import replace
from functools import partial
from typing import Any, Final

from conformance.clients.ai_sdk import (
    VERSIONS,
    Part,
    cut_off,
    is_retried,
    parts,
    refusal,
    reported,
    retryable,
    runs,
    simulated,
    whole,
)
from conformance.clients.ai_sdk_chat_types import COMPATIBLE, ERROR, OPENAI, Provider
from conformance.clients.ai_sdk_tools import Buffered, Tracker
from conformance.clients.client import Client, Simulation
from conformance.clients.javascript import is_number, optional_get, shown
from conformance.clients.node_fetch import body_on_node_22, is_lost
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import either
from conformance.model.exchange import Exchange

RUNS_TOOLS: Final = ("stop", "function_call", "tool_calls")
"""The finish reasons after which the SDK executes tools."""
LATEST_S: Final = 8.64e12
"""Seconds; a later time is no date, and `generateText` fails on it."""
ERROR_STATUSES: Final = range(400, 600)
THREE_DIGITS: Final = re.compile(r"[0-9]{3}")


class _Reading:
    def __init__(self, provider: Provider) -> None:
        self.provider = provider
        self.calls = Buffered() if provider.insists else Tracker()
        self.text: list[str] = []
        self.finish: str | None = None
        self.has_reasoning = self.seen = self.text_after_end = self.done = self.failed = False
        self.error: ClientError | None = None

    def add(self, part: Part) -> None:
        """Take one part; the first error is the one reported to the user. Raises ClientError if the stream fails."""
        if part.ends:
            self.done = True
            return
        if part.error or reports_an_error(self.provider, part.value):
            self.error = self.error or part.error or reported(part.value["error"])
            self.finish = None
            return
        self.seen = True
        choice: dict[str, Any] = next(iter(part.value["choices"]), {})
        if (reason := choice.get("finish_reason")) is not None:
            self.finish = reason
        delta = choice.get("delta") or {}
        content = text_of(self.provider, delta)
        self.text_after_end = self.text_after_end or bool(content and self.done)
        self.text.append(content)
        self.has_reasoning = self.has_reasoning or bool(delta.get("reasoning_content") or delta.get("reasoning"))
        for fragment in delta.get("tool_calls") or ():
            self.calls.add(fragment)

    def turn(self) -> DecodedResponse:
        """What the program has in the end. Raises ClientError if the stream fails at its end."""
        tracker = self.calls
        if isinstance(tracker, Buffered):
            tracker.flush()
            tracker = tracker.tracker
        error = self.error
        if self.provider.insists and not error and self.finish is None:
            error = ClientError("invalid", "Response stream ended without a finish reason.")
        return DecodedResponse(
            text="".join(self.text),
            tools=runs(tracker.tools(), finish=self.finish in RUNS_TOOLS),
            finish=(self.finish or "")[:40],
            seen=self.seen,
            ended=self.done or bool(self.finish),
            text_after_end=self.text_after_end,
            has_reasoning=self.has_reasoning,
            error=error,
        )


def reports_an_error(provider: Provider, value: dict[str, Any]) -> bool:
    """Whether a chunk has an error: next to its choices, only the provider that `insists` looks for one."""
    return "error" in value and (provider.insists or not provider.chunk(value))


def text_of(provider: Provider, message: dict[str, Any]) -> str:
    """The text of a message or delta: its content, which may be a list of parts, and perhaps its refusal."""
    content = message.get("content")
    refusal = message.get("refusal")
    refused = refusal if provider.refuses and isinstance(refusal, str) else ""
    if isinstance(content, str):
        return content + refused
    texts = (part.get("text") for part in content or () if part.get("type") == "text")
    return "".join(piece for piece in texts if isinstance(piece, str)) + refused


def simulate(provider: Provider, x: Exchange, _fallback: Exchange | None) -> Simulation:
    """`streamText` on a stream, `generateText` otherwise."""
    failed = refusal(x, ERROR)
    if not failed and x.mode == "stream":
        return _streamed(provider, x)
    turn = DecodedResponse(error=failed) if failed else _completed(provider, x)
    return simulated(x, turn, retried=retryable(x, turn.error))


def _streamed(provider: Provider, x: Exchange) -> Simulation:
    events = list(parts(x, either(provider.chunk, ERROR)))
    if provider.peeks and (early := _early(provider, x, events)):
        return early
    reading = _Reading(provider)
    try:
        for part in events:
            reading.add(part)
        cut = cut_off(x, provider.read_body(x).error, "".join(reading.text), reading.error)
        return cut or simulated(x, reading.turn(), retried=False)
    except ClientError as raised:
        return simulated(x, DecodedResponse(text="".join(reading.text), seen=True, error=raised), retried=False)


def _early(provider: Provider, x: Exchange, events: list[Part]) -> Simulation | None:
    """The failure of a request whose stream reports an error, or breaks off, before any output."""
    for part in events:
        if part.ends:
            continue
        if part.error:
            return None
        if reports_an_error(provider, part.value):
            error = part.value["error"]
            return simulated(x, DecodedResponse(error=reported(error)), retried=_is_passing(error))
        if any(_has_output(choice.get("delta") or {}) for choice in part.value["choices"]):
            return None
    error = provider.read_body(x).error
    return simulated(x, DecodedResponse(error=error), retried=is_lost(x)) if error else None


def _has_output(delta: dict[str, Any]) -> bool:
    return any(delta.get(name) for name in ("content", "refusal", "tool_calls", "annotations"))


def _is_passing(error: dict[str, Any]) -> bool:
    """Whether the error that a stream begins with is retryable, by the status that it corresponds to."""
    code, kind = (optional_get(error, name) for name in ("code", "type"))
    if kind == "response.failed":
        return True
    if "insufficient_quota" in (code, kind):
        return False
    status = float(code) if is_number(code) or (isinstance(code, str) and THREE_DIGITS.fullmatch(code)) else 0.0
    if status in ERROR_STATUSES:
        return is_retried(int(status))
    words = " ".join(shown(word) for word in (code, kind) if word is not None).lower()
    if "insufficient_quota" in words or "rate_limit" in words:
        return True
    refused = ("authentication", "permission", "not_found", "invalid", "bad_request", "context_length")
    return not any(word in words for word in refused)


def _completed(provider: Provider, x: Exchange) -> DecodedResponse:
    try:
        value = whole(x, provider.message, provider.read_body)
    except ClientError as raised:
        return DecodedResponse(error=raised)
    if not value["choices"]:
        return DecodedResponse(error=ClientError("invalid", "Response did not contain any choices."))
    if abs(value.get("created") or 0) > LATEST_S:
        return DecodedResponse(error=ClientError("type", "Invalid time value"))
    choice = value["choices"][0]
    message = choice["message"]
    calls = (
        DecodedToolCall(
            name=call["function"]["name"], arguments=call["function"]["arguments"], id=call.get("id") or "made up"
        )
        for call in message.get("tool_calls") or ()
    )
    tools = runs(calls, finish=choice.get("finish_reason") in RUNS_TOOLS)
    transcript = (message.get("audio") or {}).get("transcript") if provider.peeks and not message.get("content") else ""
    return DecodedResponse(text=(transcript or "") + text_of(provider, message), tools=tools, seen=True, ended=True)


def _client(name: str, package: str, provider: Provider) -> Client:
    return Client(
        profile="vercel-ai-sdk",
        name=name,
        version=f"{VERSIONS[name.split()[2]]} ({package})",
        api="chat",
        simulate=partial(simulate, provider),
    )


AI_SDK_COMPATIBLE = _client("AI SDK 6 (openai-compatible)", "@ai-sdk/openai-compatible 2.0.87", COMPATIBLE)
AI_SDK_OPENAI = _client("AI SDK 6 (openai)", "@ai-sdk/openai 3.0.141", OPENAI)
AI_SDK_7_COMPATIBLE = _client(
    "AI SDK 7 (openai-compatible)",
    "@ai-sdk/openai-compatible 3.0.92",
    replace(COMPATIBLE, refuses=True, read_body=body_on_node_22),
)
AI_SDK_7_OPENAI = _client("AI SDK 7 (openai)", "@ai-sdk/openai 4.0.118", replace(OPENAI, read_body=body_on_node_22))
