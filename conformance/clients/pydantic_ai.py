"""Pydantic AI on Chat Completions: openai-python 3 under an agent that needs text or a tool call."""

from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.openai_python import simulator_3
from conformance.clients.openai_sdk import attribute, chunks, first, items, slot_of, text_in
from conformance.clients.pydantic_ai_parts import TAGS, Part, Parts, attempts, held, is_race, judged
from conformance.clients.sdk import head_error, json_reply, needs_clock
from conformance.clients.turn import ClientError, DecodedResponse
from conformance.clients.validators import (
    Check,
    as_integer,
    either,
    fields,
    has_odd_names,
    nullish,
    number,
    one_of,
    sound_text,
    text,
    timestamp,
    whole,
)
from conformance.clients.validators import items as each
from conformance.model.exchange import Exchange

Names = tuple[str, ...]
COUNTS: Final[Names] = ("prompt_tokens", "completion_tokens", "total_tokens")
PROMPT_COUNTS: Final[Names] = ("audio_tokens", "cache_write_tokens", "cached_tokens", "image_tokens", "text_tokens")
COMPLETION_COUNTS: Final[Names] = (
    "accepted_prediction_tokens",
    "audio_tokens",
    "reasoning_tokens",
    "rejected_prediction_tokens",
    "text_tokens",
)


def _counts(names: Names, check: Check) -> Check:
    return fields(**dict.fromkeys(names, check))


def _number(value: Any) -> bool:
    """What Pydantic accepts as a number."""
    return number(value) or isinstance(value, bool) or (isinstance(value, str) and as_integer(value))


def _object(value: Any) -> bool:
    return isinstance(value, dict)


def _content(value: Any) -> bool:
    """Text, or parts, whose texts are joined."""
    return isinstance(value, list) or text(value)


FUNCTION: Final = fields(name=text, arguments=text)
CALLED: Final = either(
    fields(id=text, type=one_of("function"), function=FUNCTION),
    fields(id=text, type=one_of("custom"), custom=fields(name=text, input=text)),
)
TOKEN: Final = fields(token=text, logprob=_number, top_logprobs=each(fields(token=text, logprob=_number)))
MESSAGE: Final = fields(
    role=one_of("assistant"),
    content=nullish(_content),
    refusal=nullish(text),
    annotations=nullish(each(fields(type=one_of("url_citation"), url_citation=_object))),
    audio=nullish(fields(id=text, data=text, expires_at=as_integer, transcript=text)),
    function_call=nullish(FUNCTION),
    tool_calls=nullish(each(CALLED)),
)
COMPLETION: Final = fields(
    id=text,
    object=one_of("chat.completion"),
    created=nullish(as_integer),
    model=text,
    service_tier=nullish(text),
    system_fingerprint=nullish(text),
    metadata=nullish(_object),
    moderation=nullish(fields(input=_object, output=_object)),
    choices=each(
        fields(
            index=as_integer,
            logprobs=nullish(fields(content=nullish(each(TOKEN)), refusal=nullish(each(TOKEN)))),
            message=MESSAGE,
        )
    ),
    usage=nullish(
        fields(
            **dict.fromkeys(COUNTS, as_integer),
            prompt_tokens_details=nullish(_counts(PROMPT_COUNTS, nullish(as_integer))),
            completion_tokens_details=nullish(_counts(COMPLETION_COUNTS, nullish(as_integer))),
        )
    ),
)


class _Stream:
    """What the streamed response keeps of the chunks."""

    def __init__(self) -> None:
        self.parts = Parts()
        self.finish: Any = ""
        self.refused = self.timed = self.ended = False
        self._texts = 0

    def add(self, chunk: Any) -> None:
        """Take one chunk."""
        self._head(chunk)
        choices = chunk.get("choices")
        if not choices:
            return
        choice = first(choices)
        finish, delta = attribute(choice, "finish_reason"), choice.get("delta")
        self.ended = self.ended or bool(finish)
        if delta is None:
            return
        if attribute(delta, "refusal"):
            text_in(delta["refusal"])
            self.refused = True
            self.finish = "content_filter"
            return
        if finish and not self.refused:
            self.finish = slot_of(finish)
        if choice.get("logprobs") is not None:
            items(attribute(choice["logprobs"], "content"))
        self._text(_joined(delta.get("content")))
        for fragment in items(delta.get("tool_calls")):
            self._call(fragment)

    def _head(self, chunk: Any) -> None:
        """Take what a chunk says beside its choices."""
        created, usage = attribute(chunk, "created"), chunk.get("usage")
        if created and not self.timed:
            if not timestamp(created):
                raise ClientError("invalid", "Input should be a valid datetime")
            self.timed = True
        if usage is not None:
            for name in ("completion_tokens_details",):
                if attribute(usage, name) is not None:
                    attribute(usage[name], "model_dump")
        if chunk.get("moderation"):
            attribute(chunk["moderation"], "model_dump")

    def _text(self, content: Any) -> None:
        if isinstance(content, str) and content:
            self.parts.add_text(("content", self._texts), content, tagged=True)

    def _call(self, fragment: Any) -> None:
        function = attribute(fragment, "function")
        name, arguments = (
            attribute(function, part) if function is not None else None for part in ("name", "arguments")
        )
        began = self.parts.add_call(fragment.get("index"), name, arguments, fragment.get("id"))
        if began and self.parts.is_text(("content", self._texts)):
            self._texts += 1


def _joined(content: Any) -> Any:
    """Content, or the texts of its parts."""
    if not isinstance(content, list):
        return content
    return "".join(map(_part, content)) or None


def _part(part: Any) -> str:
    text = part.get("text") if isinstance(part, dict) and part.get("type") == "text" else part
    return text if isinstance(text, str) else ""


def _read_stream(x: Exchange) -> DecodedResponse:
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    received, reading = chunks(x), _Stream()
    error = received.error
    if not received.values and not error:
        error = ClientError("invalid", "Streamed response ended without content or tool calls")
    try:
        for chunk in received.values:
            reading.add(chunk)
    except ClientError as raised:
        error = raised
    turn = DecodedResponse(
        text="".join(reading.parts.shown),
        finish=str(reading.finish)[:40],
        seen=bool(received.values),
        ended=received.done or reading.ended,
        error=error,
    )
    return judged(x, turn, reading.parts)


def _read_whole(x: Exchange) -> DecodedResponse:
    failed = head_error(x, whole_body=False)
    if failed:
        return DecodedResponse(error=failed)
    try:
        choice = _valid(json_reply(x))
    except ClientError as raised:
        return DecodedResponse(error=raised)
    message, finish = choice["message"], str(choice.get("finish_reason") or "")[:40]
    if message.get("refusal"):
        return DecodedResponse(
            error=ClientError("api", f"Content filter triggered. Refusal: {message['refusal']!r}"[:300])
        )
    parts = Parts([Part("text", text) for text in _untagged(_joined(message.get("content")) or "")])
    for call in message.get("tool_calls") or ():
        if call["type"] == "custom":
            return DecodedResponse(error=ClientError("type", "Custom tool calls are not supported"))
        parts.parts.append(
            Part("call", name=call["function"]["name"], arguments=call["function"]["arguments"], id=call["id"])
        )
    return judged(x, DecodedResponse(finish=finish, seen=True, ended=True), parts)


def _untagged(content: str) -> list[str]:
    """The texts outside of thoughts; a thought that does not end is text."""
    before, begins, rest = content.partition(TAGS[0])
    thought, ends, after = rest.partition(TAGS[1])
    return [text for text in (before, *((_untagged(after) if ends else [thought]) if begins else ())) if text]


def _valid(value: Any) -> dict[str, Any]:
    """The first choice of a completion. Raises ClientError where Pydantic rejects it."""
    if not isinstance(value, dict):
        raise ClientError("invalid", "Invalid response from openai chat completions endpoint, expected JSON data")
    if has_odd_names(value):
        raise ClientError("unicode", "'utf-8' codec can't encode character: surrogates not allowed")
    if not COMPLETION(value) or not all(map(_finished, value["choices"][1:])):
        raise ClientError("invalid", "Invalid response from openai chat completions endpoint: 1 validation error")
    choice: dict[str, Any] = first(value["choices"])
    if choice.get("finish_reason") is not None and not _finished(choice):
        raise ClientError("invalid", "Invalid response from openai chat completions endpoint: finish_reason")
    if value.get("created") and not timestamp(whole(value["created"])):
        raise ClientError("invalid", "Input should be a valid datetime")
    return choice


def _finished(choice: dict[str, Any]) -> bool:
    return sound_text(choice.get("finish_reason")) and bool(choice["finish_reason"])


def read(x: Exchange) -> DecodedResponse:
    """`Agent.run_stream` on a stream, `Agent.run` otherwise."""
    return held(x, _read_stream(x)) if x.mode == "stream" else _read_whole(x)


def _uncertain(x: Exchange) -> bool:
    return needs_clock(x) or (x.mode == "stream" and is_race(_read_stream(x)))


PYDANTIC_AI = Client(
    profile="pydantic-ai",
    name="Pydantic AI 2.68",
    version="2.68.0 (openai 3.54.0)",
    api="chat",
    simulate=simulator_3(read, framework_attempts=attempts, uncertain=_uncertain),
)
