"""Documented forms of a request that clients use and servers forget: read, or refused by name; never lost."""

from typing import Any

from conformance.model.exchange import Mode
from conformance.model.probe import Probe, Raw, Suite
from conformance.probes.baseline import Change, sets
from conformance.probes.tools import TOOL

CAP = 4
TALE = "The lamps of the harbour are green, and the boats come home in the evening with their nets full of silver fish."
"""What is added to the greeting: two dozen words, which no count of the prompt's tokens can pass over."""

RED_SQUARE = (
    "data:image/png;base64,iVBORw0KGgoAAAANSUhEUgAAACAAAAAgCAIAAAD8GO2jAAAAJ0lEQVR42u3NsQkAAAjAsP7/tF7hIASyp6lTCQQCgUAg"
    "EAgEgi/BAjLD/C5w/SM9AAAAAElFTkSuQmCC"
)
"""An image of 32 by 32 red points; some servers refuse smaller ones."""

NULLS: dict[str, None] = dict.fromkeys(
    (
        *("frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "n", "presence_penalty", "seed"),
        *("stop", "temperature", "top_logprobs", "top_p"),
    )
)
"""The fields that the API documents as nullable, and has had for years."""

DEFAULTS: dict[str, Any] = {
    "frequency_penalty": 0,
    "logprobs": False,
    "n": 1,
    "presence_penalty": 0,
    "response_format": {"type": "text"},
    "temperature": 1,
    "top_p": 1,
}
"""Fields with the values that they have anyway."""

LIMITS = {"frequency_penalty": -2, "presence_penalty": 2, "temperature": 2, "top_p": 1}
"""Fields with values at the ends of their documented ranges."""


def _in_parts(*parts: dict[str, Any]) -> Change:
    """The greeting's text as a content part, and these parts after it."""

    def change(body: dict[str, Any], _mode: Mode) -> Any:
        *earlier, last = body["messages"]
        content = [{"type": "text", "text": last["content"]}, *parts]
        return body | {"messages": [*earlier, last | {"content": content}], "max_tokens": CAP}

    return change


def _instructed(body: dict[str, Any], _mode: Mode) -> Any:
    told = {"role": "developer", "content": TALE}
    return body | {"messages": [told, *body["messages"]], "max_tokens": CAP}


def _named(body: dict[str, Any], _mode: Mode) -> Any:
    *earlier, last = body["messages"]
    return body | {"messages": [*earlier, last | {"name": "Ada"}], "max_tokens": CAP}


SPELT = (
    rb' { "messages" : [ { "content" : "Say hello.", "r\u006fle" : "user" } ] ,'
    b'\r\n\t"stream" : true , "max_tokens" : 1 ,'
    rb' "model" : "{model}" } '
)
"""A greeting with blanks, line ends, and an escape in a name."""


def _form(about: str, purpose: str, change: Change, *modes: Mode, suite: Suite = "full") -> Probe:
    return Probe(
        name=f"chat.form.{about}",
        purpose=purpose,
        api="chat",
        modes=modes or ("unary",),
        change=change,
        suite=suite,
        max_tokens=8,
    )


SPELLING = Probe(
    name="chat.form.spelling",
    purpose="A stream is asked for in JSON that is written with blanks and escapes, and labelled with its charset.",
    api="chat",
    modes=("stream",),
    raw=Raw(body=SPELT, headers=(("content-type", "application/json; charset=utf-8"),)),
    max_tokens=1,
)
FORMS = (
    _form(
        "parts",
        "The content is a list of two texts, as many clients send it: both must be read.",
        _in_parts({"type": "text", "text": TALE}),
        suite="gate",
    ),
    _form(
        "image",
        "An image stands beside the text: who can't see it must refuse it, not answer without it.",
        _in_parts({"type": "image_url", "image_url": {"url": RED_SQUARE}}),
    ),
    _form(
        "developer",
        "The first message has the role `developer`, the newer name of `system`.",
        _instructed,
        suite="gate",
    ),
    _form("defaults", "Fields have the values that they have anyway.", sets(**DEFAULTS, max_tokens=CAP), suite="gate"),
    _form("nulls", "Nullable fields are null, which is as good as leaving them out.", sets(**NULLS, max_tokens=CAP)),
    _form("limits", "Fields have values at the ends of their ranges.", sets(**LIMITS, max_tokens=CAP)),
    _form("name", "A message tells its author's name.", _named),
    _form(
        "both-caps", "The older cap allows eight tokens, the newer one.", sets(max_tokens=8, max_completion_tokens=1)
    ),
    _form(
        "logprobs-alone",
        "Log probabilities are asked for, and nothing is said of likely tokens.",
        sets(logprobs=True, max_tokens=CAP),
    ),
    _form(
        "top-logprobs-zero",
        "Log probabilities are asked for, and no likely tokens.",
        sets(logprobs=True, top_logprobs=0, max_tokens=CAP),
    ),
    _form(
        "logprobs-beside-tools",
        "Log probabilities are asked for beside tools.",
        sets(tools=[TOOL], tool_choice="none", logprobs=True, max_tokens=CAP),
        "stream",
        "unary",
    ),
)
