"""The Vercel AI SDK on Chat Completions: its OpenAI-compatible provider, and its OpenAI provider."""

from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any, Final

from conformance.clients.ai_sdk import (
    LOST,
    RETRIED,
    VERSIONS,
    Part,
    parts,
    refusal,
    reported,
    retryable,
    simulated,
    whole,
)
from conformance.clients.client import Client, Simulation
from conformance.clients.node import broken_off, optional_get
from conformance.clients.turn import ClientError, DecodedResponse, DecodedToolCall
from conformance.clients.validators import Check, either, fields, items, nullish, number, one_of, text
from conformance.model.exchange import Exchange

ERROR: Final = fields(error=fields(message=text))
COUNTS: Final = nullish(
    fields(**dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), nullish(number)))
)
CONTENT: Final = either(text, items(fields(type=text)))
HEAD: Final[dict[str, Check]] = {"id": nullish(text), "created": nullish(number), "model": nullish(text)}
FINISH: Final = nullish(text)


def _delta(role: Check, content: Check, call: Check) -> Check:
    reasoning = dict.fromkeys(("reasoning_content", "reasoning"), nullish(text))
    return nullish(fields(role=nullish(role), content=nullish(content), tool_calls=nullish(items(call)), **reasoning))


FRAGMENT: Final = fields(name=nullish(text), arguments=nullish(text))
CALLED: Final = fields(name=text, arguments=text)
OWN_TYPE: Final = one_of("function")


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What one provider requires.

    `insists`: a stream without a finish reason is an error; otherwise its finish reason is "other". `peeks`: an error
    before any output fails the request, which is then retried as one with that status would be. `refuses`: a refusal is
    shown as text.
    """

    chunk: Check
    message: Check
    insists: bool
    peeks: bool
    refuses: bool = False

    def refusal(self, message: dict[str, Any]) -> str:
        """The refusal in a message or delta, if it is shown."""
        told = message.get("refusal")
        return told if self.refuses and isinstance(told, str) else ""


COMPATIBLE: Final = Provider(
    chunk=fields(
        **HEAD,
        choices=items(
            fields(
                delta=_delta(
                    one_of("assistant", ""), CONTENT, fields(index=nullish(number), id=nullish(text), function=FRAGMENT)
                ),
                finish_reason=FINISH,
            )
        ),
        usage=COUNTS,
    ),
    message=fields(
        **HEAD,
        choices=items(
            fields(
                message=fields(
                    role=nullish(one_of("assistant")),
                    content=nullish(CONTENT),
                    tool_calls=nullish(items(fields(id=nullish(text), function=CALLED))),
                ),
                finish_reason=FINISH,
            )
        ),
        usage=COUNTS,
    ),
    insists=True,
    peeks=False,
)
OPENAI: Final = Provider(
    chunk=fields(
        **HEAD,
        choices=items(
            fields(
                index=number,
                delta=_delta(
                    one_of("assistant"),
                    text,
                    fields(index=number, id=nullish(text), type=nullish(OWN_TYPE), function=FRAGMENT),
                ),
                finish_reason=FINISH,
            )
        ),
        usage=COUNTS,
    ),
    message=fields(
        **HEAD,
        choices=items(
            fields(
                index=number,
                message=fields(
                    role=nullish(one_of("assistant")),
                    content=nullish(text),
                    tool_calls=nullish(items(fields(id=nullish(text), type=OWN_TYPE, function=CALLED))),
                ),
                finish_reason=FINISH,
            )
        ),
        usage=COUNTS,
    ),
    insists=False,
    peeks=True,
)


@dataclass
class Tracker:
    """Tool calls, assembled by index, or without one by what is still open."""

    calls: list[dict[str, Any]] = field(default_factory=list)

    def add(self, fragment: dict[str, Any]) -> None:
        """Add one fragment. Raises ClientError if a call begins without a name."""
        function, index = fragment["function"], fragment.get("index")
        name, arguments = function.get("name"), function.get("arguments") or ""
        call = self._open(index, fragment.get("id"), name)
        if call is not None:
            call["arguments"] += arguments
            return
        if not (name and name.strip()):
            raise ClientError("invalid", "Expected 'function.name' to be a string.")
        self.calls.append({"index": index, "id": fragment.get("id"), "name": name, "arguments": arguments})

    def _open(self, index: Any, call_id: Any, name: Any) -> dict[str, Any] | None:
        if index is not None:
            fits = [c for c in self.calls if c["index"] == index and name in (None, "", c["name"])]
        elif call_id or name:
            fits = [c for c in self.calls if call_id and c["id"] == call_id and name in (None, "", c["name"])]
        else:
            fits = self.calls if len(self.calls) == 1 else []
        return fits[-1] if fits else None

    def tools(self) -> tuple[DecodedToolCall, ...]:
        """The calls; a missing ID is generated."""
        return tuple(
            DecodedToolCall(name=c["name"], arguments=c["arguments"], id=c["id"] or "made up") for c in self.calls
        )


class _Reading:
    def __init__(self, provider: Provider) -> None:
        self.provider, self.tracker = provider, Tracker()
        self.text: list[str] = []
        self.finish, self.has_reasoning, self.seen, self.text_after_end, self.done = "", False, False, False, False
        self.error: ClientError | None = None

    def add(self, part: Part) -> None:
        """Take one part; the first error is the one reported to the user."""
        if part.ends:
            self.done = True
            return
        if part.error or self._reports_an_error(part.value):
            self.error = self.error or part.error or reported(part.value["error"])
            return
        self.seen = True
        choice: dict[str, Any] = next(iter(part.value["choices"]), {})
        delta = choice.get("delta") or {}
        content = has_output(delta.get("content")) + self.provider.refusal(delta)
        self.text_after_end = self.text_after_end or bool(content and self.done)
        self.text.append(content)
        self.finish = choice.get("finish_reason") or self.finish
        self.has_reasoning = self.has_reasoning or bool(delta.get("reasoning_content") or delta.get("reasoning"))
        for fragment in delta.get("tool_calls") or ():
            self.tracker.add(fragment)

    def _reports_an_error(self, value: dict[str, Any]) -> bool:
        """A chunk may have an error next to its choices; only the provider that `insists` looks for one."""
        return "error" in value and (self.provider.insists or not self.provider.chunk(value))

    @property
    def began(self) -> bool:
        """Whether there was any output."""
        return bool(self.tracker.calls) or any(self.text)

    def turn(self) -> DecodedResponse:
        error = self.error
        if self.provider.insists and not (error or self.finish):
            error = ClientError("invalid", "Response stream ended without a finish reason.")
        unfinished = not (self.finish or self.provider.insists)
        return DecodedResponse(
            text="".join(self.text),
            tools=() if unfinished else self.tracker.tools(),
            finish=self.finish[:40],
            seen=self.seen,
            ended=self.done or bool(self.finish),
            text_after_end=self.text_after_end,
            has_reasoning=self.has_reasoning,
            error=error,
        )


def has_output(content: Any) -> str:
    """The text of a content, which may be a list of parts."""
    if isinstance(content, str):
        return content
    texts = (part.get("text") for part in content or () if part.get("type") == "text")
    return "".join(piece for piece in texts if isinstance(piece, str))


def simulate(provider: Provider, x: Exchange, _fallback: Exchange | None) -> Simulation:
    """`streamText` on a stream, `generateText` otherwise."""
    failed = refusal(x, ERROR)
    if not failed and x.mode == "stream":
        return _streamed(provider, x)
    turn = DecodedResponse(error=failed) if failed else _completed(provider, x)
    return simulated(x, turn, retried=retryable(x, turn.error))


def _streamed(provider: Provider, x: Exchange) -> Simulation:
    reading = _Reading(provider)
    try:
        for part in parts(x, either(provider.chunk, ERROR)):
            early = provider.peeks and not (reading.began or reading.error)
            reading.add(part)
            if early and reading.error and (part.error is None or part.error.kind in LOST):
                passing = broken_off(x) if part.error else _passing(part.value)
                return simulated(x, DecodedResponse(error=reading.error), retried=passing)
    except ClientError as raised:
        reading.error = raised
    return simulated(x, reading.turn(), retried=False)


def _passing(value: dict[str, Any]) -> bool:
    """Whether the error that a stream begins with is retryable, by the status that it corresponds to."""
    code, kind = (optional_get(value["error"], name) for name in ("code", "type"))
    if "insufficient_quota" in (code, kind):
        return False
    if str(code).isdigit() and 400 <= int(code) <= 599:
        return int(code) in RETRIED or int(code) >= 500
    words = " ".join(str(word).lower() for word in (code, kind) if isinstance(word, str | int | float))
    if "rate_limit" in words:
        return True
    refused = ("authentication", "permission", "not_found", "invalid", "bad_request", "context_length")
    return not any(word in words for word in refused)


def _completed(provider: Provider, x: Exchange) -> DecodedResponse:
    try:
        value = whole(x, provider.message)
    except ClientError as raised:
        return DecodedResponse(error=raised)
    if not value["choices"]:
        return DecodedResponse(error=ClientError("invalid", "Response did not contain any choices."))
    message = value["choices"][0]["message"]
    tools = tuple(
        DecodedToolCall(
            name=call["function"]["name"], arguments=call["function"]["arguments"], id=call.get("id") or "made up"
        )
        for call in message.get("tool_calls") or ()
    )
    said = has_output(message.get("content")) + provider.refusal(message)
    return DecodedResponse(text=said, tools=tools, seen=True, ended=True)


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
    "AI SDK 7 (openai-compatible)", "@ai-sdk/openai-compatible 3.0.92", replace(COMPATIBLE, refuses=True)
)
AI_SDK_7_OPENAI = _client("AI SDK 7 (openai)", "@ai-sdk/openai 4.0.118", replace(OPENAI, refuses=True))
