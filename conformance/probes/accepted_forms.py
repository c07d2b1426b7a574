"""Documented request forms that servers often miss: used, or rejected by name; never silently ignored."""

import base64
import struct
from typing import Any

from conformance.model.case import Kind
from conformance.model.probe import Probe, RawRequest
from conformance.model.words import Mode, Suite
from conformance.probes.baseline import Change, with_fields
from conformance.probes.tools import FORECAST, TOOL

CAP = 4
MARKER_TEXT = (
    "The lamps of the harbour are green, and the boats come home in the evening with their nets full of silver fish."
)
"""Added to the baseline request: two dozen words, enough to show in `prompt_tokens`."""
MARKER_PART = {"type": "text", "text": MARKER_TEXT}

RED_SQUARE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJ0lEQVR42u3NsQkAAAjAsP7/tF7hIASyp6lTCQQCgUAg"
    "EAgEgi/BAjLD/C5w/SM9AAAAAElFTkSuQmCC"
)
"""A red image of 32 x 32 pixels; some servers reject smaller ones."""

SILENCE = base64.b64encode(
    b"RIFF" + struct.pack("<I", 36 + 3200) + b"WAVEfmt " + struct.pack("<IHHIIHH", 16, 1, 1, 16_000, 32_000, 2, 16)
    + b"data" + struct.pack("<I", 3200) + bytes(3200)
).decode()  # fmt: skip
"""A tenth of a second of silence, as a WAV file."""

NULLS: dict[str, None] = dict.fromkeys(
    (
        *("frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "n", "presence_penalty", "seed"),
        *("stop", "temperature", "top_logprobs", "top_p"),
    )
)
"""Long-established fields that the API documents as nullable."""

DEFAULTS: dict[str, Any] = {
    "frequency_penalty": 0,
    "logprobs": False,
    "n": 1,
    "presence_penalty": 0,
    "response_format": {"type": "text"},
    "temperature": 1,
    "top_p": 1,
}
"""Fields with their default values."""

LIMITS = {"frequency_penalty": -2, "presence_penalty": 2, "temperature": 2, "top_p": 1}
"""Fields with values at the limits of their documented ranges."""


def _in_parts(*parts: dict[str, Any]) -> Change:
    """The baseline request with its text as a content part, followed by these parts."""

    def change(body: dict[str, Any], _mode: Mode) -> Any:
        *earlier, last = body["messages"]
        content = [{"type": "text", "text": last["content"]}, *parts]
        return body | {"messages": [*earlier, last | {"content": content}], "max_tokens": CAP}

    return change


def _instructed(role: str, content: Any) -> Change:
    """The baseline request after a message of this role."""
    message = {"role": role, "content": content}
    return lambda body, _mode: body | {"messages": [message, *body["messages"]], "max_tokens": CAP}


def _with_result_in_parts(body: dict[str, Any], _mode: Mode) -> Any:
    """The baseline request, followed by a call with its result in content parts."""
    call = {
        "id": "call_parts",
        "type": "function",
        "function": {"name": FORECAST["name"], "arguments": '{"city": "Oslo"}'},
    }
    called = {"role": "assistant", "content": "I look it up.", "tool_calls": [call]}
    result = {"role": "tool", "tool_call_id": "call_parts", "content": [MARKER_PART]}
    return body | {"messages": [*body["messages"], called, result], "tools": [TOOL], "max_tokens": CAP}


def _named(body: dict[str, Any], _mode: Mode) -> Any:
    *earlier, last = body["messages"]
    return body | {"messages": [*earlier, last | {"name": "Ada"}], "max_tokens": CAP}


SPELT = (
    rb' { "messages" : [ { "content" : "Say hello.", "r\u006fle" : "user" } ] ,'
    b'\r\n\t"stream" : true , "max_tokens" : 1 ,'
    rb' "model" : "{model}" } '
)
"""A baseline request with spaces, line ends, and an escape in a field name."""


def _form(about: str, purpose: str, change: Change, *modes: Mode, suite: Suite = "full") -> Probe:
    return Probe(
        kind=Kind.ACCEPTED_FORM,
        subject=about,
        purpose=purpose,
        api="chat",
        modes=modes or ("unary",),
        build_body=change,
        suite=suite,
        max_tokens=8,
    )


SPELLING = Probe(
    kind=Kind.ACCEPTED_FORM,
    subject="spelling",
    purpose="A streaming request whose JSON has white space and escapes, and whose Content-Type has a charset.",
    api="chat",
    modes=("stream",),
    raw=RawRequest(body=SPELT, headers=(("content-type", "application/json; charset=utf-8"),)),
    max_tokens=1,
)
FORMS = (
    _form(
        "parts",
        "The content is a list of two text parts, as many clients send it: both must be used.",
        _in_parts(MARKER_PART),
        suite="gate",
    ),
    _form(
        "image",
        "The content has a text and an image part: a model without vision must reject it, not ignore the image.",
        _in_parts({"type": "image_url", "image_url": {"url": RED_SQUARE}}),
    ),
    _form(
        "audio",
        "The content has a text and an audio part: a model that does not hear must reject it, not ignore the audio.",
        _in_parts({"type": "input_audio", "input_audio": {"data": SILENCE, "format": "wav"}}),
    ),
    _form(
        "developer",
        "The first message has the role `developer`, the newer name of `system`.",
        _instructed("developer", MARKER_TEXT),
        suite="gate",
    ),
    _form(
        "system-parts",
        "The system message's content is a list of one text part.",
        _instructed("system", [MARKER_PART]),
    ),
    _form(
        "tool-parts",
        "The result of a tool call is a list of one text part.",
        _with_result_in_parts,
    ),
    _form("defaults", "Fields have their default values.", with_fields(**DEFAULTS, max_tokens=CAP), suite="gate"),
    _form(
        "nulls",
        "Nullable fields are null, which means the same as leaving them out.",
        with_fields(**NULLS, max_tokens=CAP),
    ),
    _form("limits", "Fields have values at the limits of their ranges.", with_fields(**LIMITS, max_tokens=CAP)),
    _form("name", "A message has its author's `name`.", _named),
    _form(
        "both-caps",
        "`max_tokens` allows eight tokens, `max_completion_tokens` one.",
        with_fields(max_tokens=8, max_completion_tokens=1),
    ),
    _form(
        "logprobs-alone",
        "`logprobs` is set, and `top_logprobs` is not.",
        with_fields(logprobs=True, max_tokens=CAP),
    ),
    _form(
        "top-logprobs-zero",
        "`logprobs` is set, and `top_logprobs` is 0.",
        with_fields(logprobs=True, top_logprobs=0, max_tokens=CAP),
    ),
    _form(
        "logprobs-beside-tools",
        "`logprobs` is set together with `tools`.",
        with_fields(tools=[TOOL], tool_choice="none", logprobs=True, max_tokens=CAP),
        "stream",
        "unary",
    ),
)
