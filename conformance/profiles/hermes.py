"""hermes-agent: a coding and household agent with 18 tools, on openai-python 2."""

from conformance.exchange import Mode
from conformance.profile import KEY, MODEL, Body, Profile
from conformance.profiles.hermes_tools import tools
from conformance.profiles.prose import fill
from conformance.profiles.stainless import Headers, json_only, opening, stainless

SDK = "2.24.0"
MAX_TOKENS = 65536
SYSTEM_SIZE = 6730


def headers(_mode: Mode) -> Headers:
    """The same whether a stream is asked for or not."""
    return (
        *opening(),
        *json_only(f"OpenAI/Python {SDK}"),
        *stainless(SDK),
        ("Authorization", f"Bearer {KEY}"),
        ("X-Stainless-Async", "false"),
        ("x-stainless-retry-count", "0"),
        ("x-stainless-read-timeout", "1800.0"),
    )


def body(mode: Mode) -> Body:
    """A stream with usage; not streamed (its fallback after a refusal) the two fields are left out."""
    system = fill(
        "You are an agent with tools. You act for one user, on their machine, and tell them what you did.", SYSTEM_SIZE
    )
    greeting = [{"role": "system", "content": system}, {"role": "user", "content": "Say hello."}]
    streams: Body = {"stream": True, "stream_options": {"include_usage": True}} if mode == "stream" else {}
    return {"messages": greeting, "model": MODEL, "max_tokens": MAX_TOKENS, **streams, "tools": tools()}


HERMES = Profile(
    name="hermes",
    title="hermes",
    api="chat",
    versions=f"hermes-agent 0.19.0, openai {SDK}",
    captured="2026-11",
    streams_by_default=True,
    headers=headers,
    body=body,
)
