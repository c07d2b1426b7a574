"""The Claude SDK: anthropic-python on the Messages API, with its streaming helper."""

from conformance.exchange import Mode
from conformance.profile import KEY, MODEL, Body, Profile
from conformance.profiles.stainless import Headers, json_only, opening, stainless

VERSION = "2.12.0"
MAX_TOKENS = 256
HELPER = (("x-stainless-helper-method", "stream"), ("x-stainless-stream-helper", "messages"))


def headers(mode: Mode) -> Headers:
    """The key goes as a bearer token; `NOT_GIVEN` is what the streaming helper really announces as its timeout."""
    streams = mode == "stream"
    return (
        *opening(),
        ("x-stainless-timeout", "NOT_GIVEN" if streams else "600"),
        ("x-stainless-retry-count", "0"),
        ("x-stainless-read-timeout", "600"),
        *json_only(f"Anthropic/Python {VERSION}"),
        *stainless(VERSION),
        ("Authorization", f"Bearer {KEY}"),
        ("X-Stainless-Async", "false"),
        ("anthropic-version", "2026-10-21"),
        *(HELPER if streams else ()),
    )


def body(mode: Mode) -> Body:
    """`stream` is left out where none is wanted."""
    greeting = [{"role": "user", "content": "Say hello."}]
    asked: Body = {"max_tokens": MAX_TOKENS, "messages": greeting, "model": MODEL}
    return asked | {"stream": True} if mode == "stream" else asked


CLAUDE_SDK = Profile(
    name="claude-sdk",
    title="Claude SDK (anthropic-python)",
    api="messages",
    versions=f"anthropic {VERSION}",
    captured="2026-11",
    streams_by_default=True,
    headers=headers,
    body=body,
)
