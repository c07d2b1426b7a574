"""Defects: errors that cost."""

from dataclasses import replace

from conformance.testbed.mutations.defects.err import FAILED
from conformance.testbed.mutations.mutate_bytes import for_large, streams
from conformance.testbed.mutations.mutate_bytes import planted as written
from conformance.testbed.mutations.mutate_requests import Body, saying, streaming, with_status
from conformance.testbed.server.reply import Answer, Asked, Change, Event, OnAnswer

SPENT = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
ROLE: Body = {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}


def billing(name: str, title: str, caught_by: str, answer: OnAnswer) -> Change:
    """A defect in what an error costs."""
    return Change(name=name, title=title, caught_by=caught_by, answer=answer)


def with_usage(said: Answer, _asked: Asked) -> Answer:
    """A refusal that reports a usage."""
    return replace(said, whole=said.whole | {"usage": SPENT})


def failing_tools(said: Answer, asked: Asked) -> Answer:
    """Streams of tool calls that fail before they begin, and report a usage."""
    is_call = isinstance(asked.json, dict) and asked.json.get("tool_choice") == "required"
    if not (is_call and streaming(asked) and asked.api == "chat" and said.events):
        return said
    return replace(said, events=(said.events[0], Event(data=FAILED | {"usage": SPENT})))


def to_be_retried(said: Answer, _asked: Asked) -> Answer:
    """A refusal that asks for a second try."""
    return replace(said, headers=(*said.headers, ("x-should-retry", "true")))


def with_another_try(said: Answer, _asked: Asked) -> Answer:
    """A refusal that is to be tried again."""
    headers = tuple(h for h in said.headers if h[0] != "x-should-retry")
    return replace(said, headers=(*headers, ("x-should-retry", "true")))


COSTS = (
    billing("errors-with-usage", "Errors report a usage", "BILL001", saying(with_usage, 400)),
    billing("failed-stream-with-usage", "A stream that fails at once reports a usage", "BILL002", failing_tools),
    billing(
        "mistakes-retried", "The refusal of a mistake asks for a second try", "BILL003", saying(to_be_retried, 400)
    ),
    billing("mistakes-as-409", "Mistakes are refused with 409", "BILL003", with_status(409, 400)),
)

RETRIES = (
    written(
        "stream-lost-at-its-start",
        "The connection is lost after the first event of a large request's stream",
        "BILL010",
        for_large(streams(lambda reply: replace(reply, pieces=reply.pieces[:1], end="abort"))),
    ),
    Change(
        name="refusal-to-be-retried",
        title="The refusal to stream asks for another try",
        caught_by="BILL011",
        on="stopgap-501",
        answer=saying(with_another_try, 501),
    ),
)
