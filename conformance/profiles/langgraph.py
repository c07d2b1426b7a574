"""LangGraph: a graph whose node calls ChatOpenAI on openai-python 3."""

from conformance.exchange import Mode
from conformance.profile import MODEL, Body, Profile
from conformance.profiles.stainless import Headers, openai_3


def headers(mode: Mode) -> Headers:
    """No read timeout is announced; a whole reply is asked for through the SDK's raw interface, which says so."""
    return openai_3(before=() if mode == "stream" else (("x-stainless-raw-response", "true"),))


def body(mode: Mode) -> Body:
    """`stream` is always said. There are no stream options, as the base URL is not OpenAI's own."""
    return {"model": MODEL, "stream": mode == "stream", "messages": [{"content": "Say hello.", "role": "user"}]}


LANGGRAPH = Profile(
    name="langgraph",
    title="LangGraph (ChatOpenAI)",
    api="chat",
    versions="langgraph 1.2.22, langchain-openai 1.7.3, openai 3.54.0",
    captured="2026-11",
    streams_by_default=True,
    headers=headers,
    body=body,
)
