"""Invalid requests, which a server must reject with an error that the client can act on."""

from typing import Any

from conformance.apis.specs import spec
from conformance.model.case import Kind
from conformance.model.probe import OVERLOAD_STAGE, Probe, RawRequest
from conformance.model.words import GENERATIVE, Api, Mode, Suite
from conformance.probes.baseline import Change, token_cap, with_fields, with_prompt

DEEP = 2000
"""Levels of nesting: far more than any request has, and cheap to reject."""
PADDING = 2 * 1024 * 1024
"""Bytes of white space before a body: above the default limit of web servers, and not part of the prompt."""
WORDS = 140_000
"""One-token words: more than 128,000 tokens, the largest context of most models."""


def _without(name: str, api: Api) -> Change:
    return lambda body, _mode: {key: value for key, value in body.items() if key != name} | token_cap(api, 1)


def _with_role(role: str, api: Api) -> Change:
    message = {"role": role, "content": "Say hello."}
    return lambda body, _mode: body | {spec(api).conversation: [message]} | token_cap(api, 1)


def _in_an_array(body: dict[str, Any], _mode: Mode) -> Any:
    return [body]


def _too_long(body: dict[str, Any], mode: Mode) -> Any:
    return with_prompt("no " * WORDS, max_tokens=1)(body, mode)


def _capped(api: Api) -> bytes:
    return f'"{spec(api).cap}": {spec(api).min_cap}, '.encode()


def _raw(api: Api, rest: bytes) -> RawRequest:
    """A body with the model, the smallest cap, and then `rest` verbatim."""
    return RawRequest(body=b'{"model": "{model}", ' + _capped(api) + rest)


def _purpose(api: Api, content: bytes = b"Say hello.") -> bytes:
    """The conversation and the end of the body."""
    return f'"{spec(api).conversation}": '.encode() + b'[{"role": "user", "content": "' + content + b'"}]}'


def _mistake(
    what: str,
    purpose: str,
    *,
    change: Change | None = None,
    raw: RawRequest | None = None,
    modes: tuple[Mode, ...] = ("unary",),
    suite: Suite = "gate",
    api: Api = "chat",
) -> Probe:
    return Probe(
        api=api,
        kind=Kind.MISTAKE,
        subject=what,
        purpose=purpose,
        build_body=change,
        raw=raw,
        modes=modes,
        suite=suite,
        max_tokens=1,
    )


def _common(api: Api, suite: Suite) -> tuple[Probe, ...]:
    """Requests that are invalid in every API."""
    both: tuple[Mode, ...] = ("stream", "unary")
    named = with_fields(model="no-such-model-of-anyone", **token_cap(api, 1))
    broken = RawRequest(body=b'{"model": "{model}", ' + _purpose(api)[:20])
    return (
        _mistake(
            "no-messages",
            "A request without messages.",
            change=_without(spec(api).conversation, api),
            suite=suite,
            api=api,
        ),
        _mistake(
            "bad-role",
            "A message with an unknown role.",
            change=_with_role("nobody", api),
            modes=both,
            suite=suite,
            api=api,
        ),
        _mistake("bad-json", "A body with truncated JSON.", raw=broken, suite=suite, api=api),
        _mistake("unknown-model", "A model that does not exist.", change=named, suite=suite, api=api),
    )


def _rare(api: Api) -> tuple[Probe, ...]:
    """Requests that are invalid in every API, and that few clients send."""
    utf8 = _raw(api, _purpose(api, b"\xff\xfe"))
    deep = _raw(api, f'"{spec(api).conversation}": '.encode() + b"[" * DEEP + b"]" * DEEP + b"}")
    twice = _raw(api, _capped(api) + _purpose(api))
    huge = RawRequest(body=_raw(api, _purpose(api)).body, padding=PADDING)
    text = RawRequest(headers=(("content-type", "text/plain"),))
    capped = with_fields(**token_cap(api, 1))
    return (
        _mistake("no-model", "A request without a model.", change=_without("model", api), suite="full", api=api),
        _mistake(
            "empty-messages",
            "An empty list of messages.",
            change=with_fields(**{spec(api).conversation: []}, **token_cap(api, 1)),
            suite="full",
            api=api,
        ),
        _mistake("array-body", "A body that is an array.", change=_in_an_array, suite="full", api=api),
        _mistake("empty-body", "An empty body.", raw=RawRequest(body=b""), suite="full", api=api),
        _mistake("invalid-utf8", "A body that is not UTF-8.", raw=utf8, suite="full", api=api),
        _mistake("duplicate-keys", "A body with a duplicate field.", raw=twice, suite="full", api=api),
        _mistake("deep-nesting", "Nested arrays, deeper than any request needs.", raw=deep, suite="full", api=api),
        _mistake(
            "huge-body", "A baseline request after two megabytes of white space.", raw=huge, suite="full", api=api
        ),
        _mistake("negative-cap", "A cap below zero.", change=with_fields(**{spec(api).cap: -5}), suite="full", api=api),
        _mistake(
            "not-labelled-json",
            "A JSON body with Content-Type: text/plain.",
            raw=text,
            change=capped,
            suite="full",
            api=api,
        ),
    )


MISTAKES = (
    *_common("chat", "gate"),
    *_common("messages", "full"),
    *_common("responses", "full"),
    *(probe for api in GENERATIVE for probe in _rare(api)),
    _mistake("get", "The method GET, where POST is needed.", raw=RawRequest(method="GET")),
    _mistake("unknown-route", "A path that does not exist.", raw=RawRequest(path="/no-such-route")),
    _mistake("n-zero", "A streaming request with `n: 0`.", change=with_fields(n=0, max_tokens=1), modes=("stream",)),
    _mistake(
        "response-format",
        "A `response_format` with an unknown type.",
        change=with_fields(response_format={"type": "no-such-format"}, max_tokens=1),
        suite="full",
    ),
    _mistake("zero-cap", "A cap of zero.", change=with_fields(max_tokens=0), suite="full"),
    _mistake(
        "top-logprobs-alone",
        "`top_logprobs` is set, and `logprobs` is not.",
        change=with_fields(top_logprobs=2, max_tokens=1),
        suite="full",
    ),
    Probe(
        api="chat",
        kind=Kind.MISTAKE,
        subject="too-long",
        purpose="A prompt longer than the context of most models.",
        build_body=_too_long,
        suite="full",
        max_tokens=1,
        stage=OVERLOAD_STAGE,
    ),
)
