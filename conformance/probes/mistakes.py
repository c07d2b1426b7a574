"""Invalid requests, which a server must reject with an error that the client can act on."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.specs import spec
from conformance.model.case import Kind
from conformance.model.probe import OVERLOAD_STAGE, Probe, RawRequest
from conformance.model.words import APIS, CONVERSATIONAL, MODES, Api, Mode, Suite
from conformance.probes.baseline import BESIDE_CHAT, Change, suite_of, token_cap, with_fields, with_prompt

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
    return lambda body, _mode: body | {spec(api).prompt: [message]} | token_cap(api, 1)


def _in_an_array(body: dict[str, Any], _mode: Mode) -> Any:
    return [body]


def _too_long(body: dict[str, Any], mode: Mode) -> Any:
    return with_prompt("no " * WORDS, max_tokens=1)(body, mode)


def _capped(api: Api) -> bytes:
    return b"".join(f'"{name}": {cap}, '.encode() for name, cap in token_cap(api, 1).items())


def _raw(api: Api, rest: bytes) -> RawRequest:
    """A body with the model, the smallest cap, and then `rest` verbatim."""
    return RawRequest(body=b'{"model": "{model}", ' + _capped(api) + rest)


def _purpose(api: Api, content: bytes = b"Say hello.") -> bytes:
    """The prompt and the end of the body."""
    text = b'"' + content + b'"'
    prompt = b'[{"role": "user", "content": ' + text + b"}]" if api in CONVERSATIONAL else text
    return f'"{spec(api).prompt}": '.encode() + prompt + b"}"


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


def _common(api: Api) -> Iterator[Probe]:
    """Requests that are invalid in every API."""
    suite = suite_of(api)
    named = with_fields(model="no-such-model-of-anyone", **token_cap(api, 1))
    broken = RawRequest(body=b'{"model": "{model}", ' + _purpose(api)[:20])
    missing = _without(spec(api).prompt, api)
    if api in CONVERSATIONAL:
        yield _mistake("no-messages", "A request without messages.", change=missing, suite=suite, api=api)
    elif spec(api).generation is None:  # without a prompt, Completions begins a new document
        yield _mistake("no-prompt", "A request without a prompt or input.", change=missing, suite=suite, api=api)
    yield _mistake("bad-json", "A body with truncated JSON.", raw=broken, suite=suite, api=api)
    yield _mistake("unknown-model", "A model that does not exist.", change=named, suite=suite, api=api)


def _elsewhere(api: Api) -> Iterator[Probe]:
    """Requests that do not reach the API, sent once to a server."""
    get = RawRequest(method="GET")
    yield _mistake("get", "The method GET, where POST is needed.", raw=get, api=api)
    yield _mistake("unknown-route", "A path that does not exist.", raw=RawRequest(path="/no-such-route"), api=api)


def _of_messages(api: Api) -> Iterator[Probe]:
    """Requests whose messages are invalid."""
    nobody, none = _with_role("nobody", api), with_fields(**{spec(api).prompt: []}, **token_cap(api, 1))
    role = "A message with an unknown role."
    yield _mistake("bad-role", role, change=nobody, modes=MODES, suite=suite_of(api), api=api)
    yield _mistake("empty-messages", "An empty list of messages.", change=none, suite="full", api=api)


def _rare(api: Api) -> Iterator[Probe]:
    """Requests that are invalid in every API, and that few clients send."""

    def rare(what: str, purpose: str, change: Change | None = None, raw: RawRequest | None = None) -> Probe:
        return _mistake(what, purpose, change=change, raw=raw, suite="full", api=api)

    deep = f'"{spec(api).prompt}": '.encode() + b"[" * DEEP + b"]" * DEEP + b"}"
    twice = (_capped(api) or b'"model": "{model}", ') + _purpose(api)
    huge = RawRequest(body=_raw(api, _purpose(api)).body, padding=PADDING)
    text = RawRequest(headers=(("content-type", "text/plain"),))
    labelled = with_fields(**token_cap(api, 1))
    yield rare("no-model", "A request without a model.", _without("model", api))
    yield rare("array-body", "A body that is an array.", _in_an_array)
    yield rare("empty-body", "An empty body.", raw=RawRequest(body=b""))
    yield rare("invalid-utf8", "A body that is not UTF-8.", raw=_raw(api, _purpose(api, b"\xff\xfe")))
    yield rare("duplicate-keys", "A body with a duplicate field.", raw=_raw(api, twice))
    yield rare("deep-nesting", "Nested arrays, deeper than any request needs.", raw=_raw(api, deep))
    yield rare("huge-body", "A baseline request after two megabytes of white space.", raw=huge)
    yield rare("not-labelled-json", "A JSON body with Content-Type: text/plain.", labelled, text)
    if found := spec(api).generation:
        yield rare("negative-cap", "A cap below zero.", with_fields(**{found.cap: -5}))


MISTAKES = (
    *(probe for api in APIS for of in (_common, _rare) for probe in of(api)),
    *(probe for api in APIS if api not in BESIDE_CHAT for probe in _elsewhere(api)),
    *(probe for api in CONVERSATIONAL for probe in _of_messages(api)),
    _mistake("n-zero", "A streaming request with `n: 0`.", change=with_fields(n=0, max_tokens=1), modes=("stream",)),
    _mistake(
        "stream-as-text",
        'The string "true" for `stream`.',
        change=with_fields(stream="true", max_tokens=1),
        modes=("stream",),
        suite="full",
    ),
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
