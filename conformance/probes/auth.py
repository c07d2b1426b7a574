"""API key checks: no key, a wrong key, and routes that may not require one."""

from typing import Any

from conformance.model.case import Kind
from conformance.model.probe import Probe, RawRequest
from conformance.model.profile import KEY, WRONG_KEY
from conformance.model.words import APIS, Api, Mode, Suite
from conformance.probes.baseline import Change, suite_of, token_cap, with_fields

Headers = tuple[tuple[str, str | None], ...]

NO_KEY: Headers = (("authorization", None), ("x-api-key", None))
AS_BEARER: Headers = (("authorization", f"Bearer {WRONG_KEY}"), ("x-api-key", None))
OWN_AS_X_API_KEY: Headers = (("authorization", None), ("x-api-key", KEY))
AS_X_API_KEY: Headers = (("authorization", None), ("x-api-key", WRONG_KEY))

BOTH: tuple[Mode, ...] = ("stream", "unary")
UNARY: tuple[Mode, ...] = ("unary",)
STREAM: tuple[Mode, ...] = ("stream",)

OF_SDKS = (
    "arch",
    "async",
    "lang",
    "os",
    "package-version",
    "read-timeout",
    "retry-count",
    "runtime",
    "runtime-version",
    "timeout",
)
"""Suffixes of the `x-stainless-` headers in which SDKs describe themselves."""


def _auth(
    about: str, purpose: str, headers: Headers, *, api: Api, modes: tuple[Mode, ...] = UNARY, suite: Suite = "gate"
) -> Probe:
    change, raw = with_fields(**token_cap(api, 1)), RawRequest(headers=headers)
    return Probe(
        api=api,
        kind=Kind.AUTH,
        subject=about,
        purpose=purpose,
        modes=modes,
        build_body=change,
        raw=raw,
        suite=suite,
        max_tokens=1,
    )


def _keys(api: Api) -> tuple[Probe, ...]:
    """Baseline requests without a key and with a wrong one, in either authentication header."""
    modes = BOTH if api == "chat" else UNARY
    other = "A baseline request with a wrong key in x-api-key."
    return (
        _auth("no-key", "A baseline request without a key.", NO_KEY, api=api, modes=modes),
        _auth("wrong-key", "A baseline request with a wrong key.", AS_BEARER, api=api, suite=suite_of(api)),
        _auth("wrong-x-api-key", other, AS_X_API_KEY, api=api, suite="full"),
    )


KEYS = (
    *(probe for api in APIS for probe in _keys(api)),
    _auth("x-api-key", "A baseline request with the key in x-api-key.", OWN_AS_X_API_KEY, api="messages", suite="full"),
    _auth(
        "wrong-key-stream", "A streaming request with a wrong key.", AS_BEARER, api="chat", modes=STREAM, suite="full"
    ),
)


def _sibling(route: str, change: Change, *, at_root: bool = False) -> Probe:
    return Probe(
        kind=Kind.OTHER_ROUTE,
        subject=route,
        purpose="A request without a key to another route that may reach the model.",
        api="chat",
        modes=UNARY,
        build_body=change,
        raw=RawRequest(path=f"/{route}", headers=NO_KEY, at_root=at_root),
        suite="full",
        max_tokens=16,
    )


def _with_input(name: str, **fields: Any) -> Change:
    return lambda body, _mode: {"model": body["model"], name: "Say hello.", **fields}


SIBLINGS = (
    _sibling("completions", _with_input("prompt", max_tokens=1)),
    _sibling("responses", _with_input("input", max_output_tokens=16)),
    _sibling("embeddings", _with_input("input")),
    _sibling("messages", with_fields(max_tokens=1)),
    _sibling("invocations", with_fields(max_tokens=1), at_root=True),
)
BARE = Probe(
    kind=Kind.MINIMAL_HEADERS,
    purpose="A baseline request with only the headers that curl sends.",
    api="chat",
    modes=UNARY,
    raw=RawRequest(
        headers=(
            ("user-agent", "curl/8.5.0"),
            ("accept", "*/*"),
            ("accept-encoding", None),
            ("connection", None),
            *((f"x-stainless-{name}", None) for name in OF_SDKS),
        )
    ),
    suite="full",
    max_tokens=64,
)
