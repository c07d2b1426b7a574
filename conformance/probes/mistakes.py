"""A client's mistakes: what a server has to refuse in words that the client can act on."""

from collections.abc import Callable
from typing import Any

from conformance.exchange import Mode
from conformance.probe import Probe, Raw, Suite
from conformance.probes.hello import Change, sets

DEEP = 2000
"""Levels of nesting: far more than any request has, and cheap to refuse."""


def _without(name: str) -> Change:
    return lambda body, _mode: {key: value for key, value in body.items() if key != name} | {"max_tokens": 1}


def _with_role(role: str) -> Change:
    message = {"role": role, "content": "Say hello."}
    return lambda body, _mode: body | {"messages": [message], "max_tokens": 1}


def _in_an_array(body: dict[str, Any], _mode: Mode) -> Any:
    return [body]


def _mistake(
    what: str,
    purpose: str,
    *,
    change: Callable[[dict[str, Any], Mode], Any] | None = None,
    raw: Raw | None = None,
    modes: tuple[Mode, ...] = ("unary",),
    suite: Suite = "gate",
) -> Probe:
    name = f"chat.mistake.{what}"
    return Probe(name=name, purpose=purpose, api="chat", change=change, raw=raw, modes=modes, suite=suite, max_tokens=1)


MISTAKES = (
    _mistake("no-messages", "A request without messages.", change=_without("messages")),
    _mistake(
        "bad-role", "A message of a role that no API has.", change=_with_role("nobody"), modes=("stream", "unary")
    ),
    _mistake("bad-json", "A body that breaks off.", raw=Raw(body=b'{"model": "m", "messages": [{"role": "user", ')),
    _mistake(
        "unknown-model",
        "A model that nobody serves.",
        change=sets(model="no-such-model-of-anyone", max_tokens=1),
    ),
    _mistake("unknown-route", "A path that no API has.", raw=Raw(path="/no-such-route")),
    _mistake("get", "The wrong method.", raw=Raw(method="GET")),
    _mistake("no-model", "A request without a model.", change=_without("model"), suite="full"),
    _mistake("empty-messages", "No message at all.", change=sets(messages=[], max_tokens=1), suite="full"),
    _mistake("array-body", "A body that is an array.", change=_in_an_array, suite="full"),
    _mistake(
        "invalid-utf8",
        "A body that is not UTF-8.",
        raw=Raw(body=b'{"model": "m", "max_tokens": 1, "messages": [{"role": "user", "content": "\xff\xfe"}]}'),
        suite="full",
    ),
    _mistake("negative-cap", "A cap below zero.", change=sets(max_tokens=-5), suite="full"),
    _mistake(
        "deep-nesting",
        "Arrays in arrays, deeper than any request needs.",
        raw=Raw(body=b'{"model": "m", "max_tokens": 1, "messages": ' + b"[" * DEEP + b"]" * DEEP + b"}"),
        suite="full",
    ),
    _mistake(
        "not-labelled-json",
        "A JSON body that is labelled as plain text.",
        raw=Raw(headers=(("content-type", "text/plain"),)),
        change=sets(max_tokens=1),
        suite="full",
    ),
)
