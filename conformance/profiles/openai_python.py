"""openai-python itself: the SDK that asks the API's own questions."""

from conformance.exchange import Mode
from conformance.profile import MODEL, Body, Profile
from conformance.profiles.stainless import Headers, openai_3


def headers(_mode: Mode) -> Headers:
    """The same whether a stream is asked for or not."""
    return openai_3(after=(("x-stainless-read-timeout", "600"),))


def body(mode: Mode) -> Body:
    """Model and messages; `stream` is left out where none is wanted."""
    streams = {"stream": True} if mode == "stream" else {}
    return {"model": MODEL, **streams, "messages": [{"role": "user", "content": "Say hello."}]}


OPENAI_PYTHON = Profile(
    name="openai-python",
    title="openai-python",
    api="chat",
    versions="3.54.0",
    captured="2026-11",
    streams_by_default=False,
    headers=headers,
    body=body,
    framework=False,
)
