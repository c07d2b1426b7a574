"""The status: no redirect, no empty success."""

from collections.abc import Iterator

from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.rules.conditions import replied, whole
from conformance.rules.example import HELLO, SSE, answered, completion, exchange, http, streamed
from conformance.rules.http.conditions import posted
from conformance.rules.http.example import GOOD
from conformance.rules.http.spec import COMPLETIONS, RFC9110


def ended_success(x: Exchange) -> NotJudged | None:
    """The request is a POST, and a complete 2xx response was received."""
    return posted(x) or whole(x)


@rule(
    "HTTP009",
    MUST,
    "A successful response has a body",
    spec=RFC9110 + "15.3.5",
    fix="Send status 200 with the completion, or an error status if there is none.",
    applies_to=ended_success,
    apis=APIS,
    good=[GOOD, streamed(*HELLO), exchange(http(200, (SSE,), b""))],
    bad=[exchange(b"HTTP/1.1 204 No Content\r\n\r\n"), answered("", status=205), answered("")],
)
def success_without_content(x: Exchange) -> Iterator[Finding]:
    """The client treats the empty response as a success, and shows nothing."""
    if reply(x).status in (204, 205):
        yield Finding(f"the status is {reply(x).status}, which has no body", at=reply(x).head)
    elif x.mode == "unary" and not reply(x).raw:
        yield Finding(f"the status is {reply(x).status}, but the response body is empty", at=reply(x).head)


@rule(
    "HTTP010",
    SHOULD,
    "A successful response has status 200",
    spec=COMPLETIONS,
    fix="Send 200; other 2xx statuses mean something else (202: not done yet, 206: partial content).",
    applies_to=posted,
    apis=APIS,
    good=[GOOD, streamed(*HELLO)],
    bad=[answered(completion(), status=202), streamed(*HELLO, status=206)],
)
def success_other_than_200(x: Exchange) -> Iterator[Finding]:
    """EventSource clients accept only 200 (WHATWG HTML, 9.2.3), and retry layers may wait for a 202's result."""
    if reply(x).status not in (200, 204, 205):
        yield Finding(f"the status is {reply(x).status}; expected 200", at=reply(x).head)


@rule(
    "HTTP011",
    MUST,
    "Requests are not redirected",
    spec=RFC9110 + "15.4",
    fix="Document the final base URL, and serve the API's path both with and without a trailing slash.",
    applies_to=replied,
    apis=APIS,
    good=[GOOD, answered("", status=404)],
    bad=[answered("", status=301, headers=[("location", "/v1/x/")]), answered("", status=307, headers=[])],
)
def redirected(x: Exchange) -> Iterator[Finding]:
    """After 301, 302 and 303 clients resend the request as GET without the body; after 307 and 308 many drop the API key, or stop."""
    answer = reply(x)
    if answer.status in range(300, 400):
        to = f" to {answer.value('location')[:120]}" if answer.value("location") else ""
        yield Finding(f"the request is redirected with HTTP {answer.status}{to}", at=answer.span("location"))
