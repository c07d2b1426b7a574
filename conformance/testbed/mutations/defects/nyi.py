"""Defects: streaming that is not implemented, and not said so as clients need it."""

from dataclasses import replace
from typing import Any

from conformance.model.target import Policy
from conformance.testbed.mutations.mutate_chat import more
from conformance.testbed.mutations.mutate_requests import (
    as_detail,
    as_events,
    labelled,
    reading,
    refusal,
    saying,
    with_body,
    with_error,
    with_status,
)
from conformance.testbed.server.deployments import stopgap
from conformance.testbed.server.reply import Answer, Asked, Change, OnAnswer, OnReply, Reply

PAGE = b"<!doctype html><html><head><title>501 Not Implemented</title></head><body>Not Implemented</body></html>"


def gap(name: str, title: str, caught_by: str, answer: OnAnswer | None = None, reply: OnReply | None = None) -> Change:
    """A defect of the stop-gap."""
    return Change(name=name, title=title, caught_by=caught_by, on="stopgap-501", answer=answer, reply=reply)


def said(**fields: Any) -> OnAnswer:
    """The refusal with other fields in its error object."""
    return with_error(lambda error: error | fields, 501)


def headed(*added: tuple[str, str], without: str = "") -> OnAnswer:
    """The refusal with other headers."""

    def change(answer: Answer, _asked: Asked) -> Answer:
        return replace(answer, headers=(*(h for h in answer.headers if h[0] != without), *added))

    return saying(change, 501)


def billed(answer: Answer, _asked: Asked) -> Answer:
    """The refusal with the usage of an answer that nobody got."""
    usage = {"prompt_tokens": 9, "completion_tokens": 9, "total_tokens": 18}
    return replace(answer, whole=answer.whole | {"usage": usage})


def also_without_streaming(answer: Answer, asked: Asked) -> Answer:
    """The refusal for every request that would be answered."""
    if answer.status != 200 or not isinstance(asked.json, dict):
        return answer
    return stopgap(replace(asked, json=asked.json | {"stream": True}))


def without_type(answer: Answer, asked: Asked) -> Answer:
    """The error object without what the Messages API puts beside it."""
    return replace(answer, whole={"error": answer.whole["error"]}) if asked.api == "messages" else answer


def events(reply: Reply, _asked: Asked) -> Reply:
    """The refusal as an event stream."""
    return as_events(reply) if reply.status == 501 else reply


def failing_with(status: int, *headers: tuple[str, str]) -> OnAnswer:
    """Chat streams of tool calls refused as not supported, with that status and these headers."""

    def change(answer: Answer, asked: Asked) -> Answer:
        forced = asked.mode == "stream" and asked.json.get("tool_choice") == "required"
        if asked.api != "chat" or not forced or answer.status != 200:
            return answer
        text = "Streaming is not supported with tool_choice. Set stream=false."
        fields = {"param": "stream", "code": "streaming_not_supported", "type": "not_implemented_error"}
        return replace(refusal(status, text, **fields), headers=headers)

    return change


PARTLY = (
    Change(
        name="tools-refused-501-retried",
        title="Streaming is refused for tool calls alone, and the refusal lacks x-should-retry",
        caught_by="NYI023",
        answer=failing_with(501),
    ),
    Change(
        name="tools-refused-500",
        title="Streaming is refused for tool calls alone, as if something broke",
        caught_by="NYI023",
        answer=failing_with(500, ("x-should-retry", "false")),
    ),
)

DEFECTS = (
    Change(
        name="streaming-not-offered",
        title="Streaming is refused although it is required",
        caught_by="NYI001",
        on="stopgap-501",
        policy=Policy(streaming="required"),
    ),
    gap("refusal-503", "Streaming is refused as if it came back soon", "NYI002", with_status(503, 501)),
    gap("refusal-500", "Streaming is refused as if something broke", "NYI003", with_status(500, 501)),
    gap("refusal-502", "Streaming is refused as if a gateway broke", "NYI003", with_status(502, 501)),
    gap("refusal-400", "Streaming is refused as the client's mistake", "NYI004", with_status(400, 501)),
    gap("refusal-as-html", "The refusal is an HTML page", "NYI005", reply=with_body(PAGE, "text/html", 501)),
    gap(
        "refusal-as-text",
        "The refusal is plain text",
        "NYI006",
        reply=with_body(b"Streaming is not supported. Set stream=false.", "text/plain", 501),
    ),
    gap("refusal-empty", "The refusal has no body", "NYI007", reply=with_body(b"", "application/json", 501)),
    gap("refusal-as-events", "The refusal is an event stream", "NYI008", reply=events),
    gap("refusal-as-detail", "The refusal is the web framework's own", "NYI009", saying(as_detail, 501)),
    gap("refusal-without-code", "The refusal has no code", "NYI010", said(code=None)),
    gap("refusal-with-another-code", "The refusal has another code", "NYI011", said(code="not_implemented")),
    gap(
        "refusal-without-words",
        "The refusal does not say that streaming is not supported",
        "NYI012",
        said(message="This mode is unavailable. Set stream=false."),
    ),
    gap(
        "refusal-without-hint",
        "The refusal does not say what to do instead",
        "NYI013",
        said(message="Streaming is not supported by this deployment."),
    ),
    gap("refusal-retried", "The refusal lacks x-should-retry", "NYI014", headed(without="x-should-retry")),
    gap(
        "refusal-invites-retry",
        "The refusal says x-should-retry: true",
        "NYI014",
        headed(("x-should-retry", "true"), without="x-should-retry"),
    ),
    gap(
        "refusal-says-twice",
        "The refusal says x-should-retry: false twice, which is another value",
        "NYI014",
        headed(("x-should-retry", "false")),
    ),
    gap("refusal-retry-after", "The refusal has Retry-After", "NYI015", headed(("retry-after", "1"))),
    gap("refusal-with-usage", "The refusal reports a usage", "NYI016", saying(billed, 501)),
    gap("refusal-without-stream", "Every request is answered 501", "NYI017", also_without_streaming),
    gap(
        "refusal-after-generation",
        "Streaming is refused after the answer was made",
        "NYI018",
        saying(lambda answer, _: replace(answer, wait_s=0.7), 501),
    ),
    gap("refusal-without-param", "The refusal does not name `stream`", "NYI019", said(param=None)),
    gap(
        "refusal-cached", "The refusal is offered to caches", "NYI020", headed(("cache-control", "public, max-age=600"))
    ),
    gap("refusal-in-another-envelope", "Messages errors lack their type", "NYI021", saying(without_type, 501)),
    gap("refusal-mislabelled", "The refusal is labelled as text", "NYI022", reply=labelled("text/plain", 501)),
    gap(
        "refusal-says-false-as-python",
        "The refusal says x-should-retry: False, which no client reads",
        "NYI014",
        headed(("x-should-retry", "False"), without="x-should-retry"),
    ),
    Change(
        name="refusal-of-explicit-false",
        title="`stream: false` is answered 501, since the field is there",
        caught_by="NYI017",
        on="stopgap-501",
        asked=reading(more(stream=True), lambda asked: asked.json.get("stream") is False),
    ),
)
