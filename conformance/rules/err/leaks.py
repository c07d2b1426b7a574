"""What an error must not leak: server internals, API keys, the conversation."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.apis.errors import MOST_TEXT, ErrorResponse, error_response, quoted
from conformance.apis.request import conversation_texts, request_body
from conformance.model.exchange import Exchange, Span
from conformance.model.profile import WRONG_KEY
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS
from conformance.parsing.http1 import reply
from conformance.rules.conditions import replied
from conformance.rules.err.example import GOOD, MISTAKE, REFUSED, refused_with
from conformance.rules.err.spec import CODES_4XX, ENVELOPE
from conformance.rules.example import (
    answered,
    error,
)

LEAK = re.compile(
    r"Traceback \(most recent call last\)|\bgoroutine \d+ \[|panicked at |File \\?\"[^\"]{1,300}\", line \d+"
    r"|\bat [\w.$<>]{1,200} ?\([^)\s]{1,300}\.(?:js|ts|mjs|cjs|java|kt|scala):\d+"
    r"|(?<![\w/.:-])(?:/[\w.-]{1,60}){1,12}\.(?:py|js|ts|mjs|go|rs|rb|php|java|cpp)\b"
    r"|\b[A-Z]:(?:\\{1,2}[\w.-]{1,60}){1,12}\.(?:py|js|ts|cs)\b"
)
LONG_ENOUGH = 8
"""Characters; a shorter message may occur in an error by chance."""


def _is_error(x: Exchange) -> NotJudged | None:
    return replied(x) or (None if error_response(x) else not_applicable("the response is not an error"))


@rule(
    "ERR018",
    MUST,
    "Errors contain no stack trace and no path of a source file",
    spec="https://cwe.mitre.org/data/definitions/209.html",
    fix="Log the stack trace on the server, and return a short message with a request ID.",
    applies_to=_is_error,
    apis=APIS,
    good=[GOOD, answered(error("See https://example.com/docs/errors.js or /v1/models."), status=400, **MISTAKE)],
    bad=[
        refused_with(message='Traceback (most recent call last):\n  File "/app/main.py", line 3'),
        answered("at Layer.handle (/srv/node_modules/express/lib/router/layer.js:95:5)", status=500, **MISTAKE),
        refused_with(message="KeyError in /opt/server/api/chat.py"),
    ],
)
def leaked_traceback(x: Exchange) -> Iterator[Finding]:
    """Paths and line numbers help an attacker, not a user."""
    error = error_response(x)
    if found := LEAK.search(error.message) or LEAK.search(error.text):
        yield Finding(f"the error contains a stack trace or a source path: {quoted(found[0])}", at=error.at)


def _shows_key(x: Exchange) -> NotJudged | None:
    """A response was received, and the recording shows which key it must not repeat, or that it does."""
    if skip := replied(x):
        return skip
    if "key" in x.hidden and not x.masked:
        return untestable("the recording does not show the request's API key, which the response may repeat")
    return None


@rule(
    "ERR019",
    MUST,
    "Responses never contain the client's API key",
    spec="https://cwe.mitre.org/data/definitions/201.html",
    fix="Never write the request's credentials into a response body, header or error.",
    applies_to=_shows_key,
    apis=APIS,
    good=[GOOD],
    bad=[replace(GOOD, masked=(Span(60, 70),))],
)
def key_sent_back(x: Exchange) -> Iterator[Finding]:
    """Clients, proxies and monitors log responses, and must never store an API key."""
    for at in x.masked:
        if at.side == "received":
            yield Finding("the response contains the request's API key", at=at)


SECRET: dict[str, Any] = {
    "body": {"model": "m", "messages": [{"role": "user", "content": "My name is Rumpelstiltskin."}]},
    "probe": "chat.mistake.bad-role",
}

SECRET_ITEMS: dict[str, Any] = {
    "body": {"model": "m", "input": [{"role": "user", "content": [{"type": "input_text", "text": "I'm\nSneezy."}]}]},
    "probe": "responses.mistake.bad-role",
}


def _contains(error: ErrorResponse, text: str) -> bool:
    """Whether an error contains a text, as it is or escaped as in JSON or Python."""
    forms = (text, repr(text)[1:-1], *(json.dumps(text, ensure_ascii=escaped)[1:-1] for escaped in (True, False)))
    return any(form in error.message or form in error.text for form in forms)


@rule(
    "ERR020",
    SHOULD,
    "Errors do not repeat the request's messages, instructions or input",
    spec="https://cwe.mitre.org/data/definitions/209.html",
    fix="Leave the input out of validation errors (in pydantic: include_input=False).",
    applies_to=_is_error,
    apis=APIS,
    good=[answered(REFUSED, status=400, **SECRET)],
    bad=[
        answered({"detail": [{"msg": "no", "input": SECRET["body"]}]}, status=422, **SECRET),
        answered(error(f"body: {SECRET_ITEMS['body']}"), status=400, **SECRET_ITEMS),
    ],
)
def conversation_sent_back(x: Exchange) -> Iterator[Finding]:
    """Errors are logged in places where conversations must not be stored. Only texts of 8 characters or more count."""
    error = error_response(x)
    texts = {text.strip() for text in conversation_texts(request_body(x))}
    if any(len(text) >= LONG_ENOUGH and _contains(error, text) for text in texts):
        yield Finding(f"the {error.status} error repeats a text of the request", at=error.at)


KEY_OF_ANYBODY = re.compile(
    r"\b(?:sk|pk|rk|gsk|xai|pplx|hf|ghp|gho|glpat|nvapi|r8)[-_](?=[\w-]*\d)[\w-]{20,200}"
    r"|\bAIza[\w-]{30,60}|\bAKIA[0-9A-Z]{16}\b"
    r"|\bBearer (?=[\w.~+/-]*\d)[\w.~+/-]{20,400}"
    r"|[?&](?:api[-_]?key|key|token|access_token|sig)=(?=[^&\s\"']*\d)[\w.%~-]{16,400}"
)
"""API keys by the prefixes of well-known services, and API keys in URL parameters."""


@rule(
    "ERR032",
    MUST,
    "Errors contain no upstream API key",
    spec="https://cwe.mitre.org/data/definitions/209.html",
    fix="Replace the text of upstream exceptions with your own: it may hold the URL or header with the API key.",
    applies_to=_is_error,
    apis=APIS,
    good=[GOOD, refused_with(message="Incorrect API key provided: sk-abcd***********************3xYz.")],
    bad=[
        refused_with(
            message="ConnectTimeout: https://api.example/v1beta/m:generate?key=AIzaSyA0123456789abcdefghijklmnopqrstuv"
        ),
        refused_with(message="upstream said: invalid Authorization 'Bearer sk-proj-0123456789abcdefghij'"),
    ],
)
def foreign_key_shown(x: Exchange) -> Iterator[Finding | NotJudged]:
    """It is the gateway's API key at its provider: anyone who reads the error can spend the owner's money."""
    error = error_response(x)
    found = KEY_OF_ANYBODY.search(error.message) or KEY_OF_ANYBODY.search(error.text)
    if found and WRONG_KEY not in found[0]:
        yield Finding(
            f"the error contains what looks like an API key: {found[0][:8]}... ({len(found[0])} characters)",
            at=error.at,
        )
    elif "response" in x.hidden:
        yield untestable("the recording masks a text of the response, which may have been an API key")


MOST_BYTES = 64 * 1024
"""Bytes of an error: a hundred times what any API sends, and more than any page of a proxy."""


@rule(
    "ERR033",
    SHOULD,
    "An error has at most 64 KiB",
    spec=CODES_4XX,
    fix="Return a short message; leave out the input, the list of all models or fields, and the upstream's response.",
    applies_to=_is_error,
    needs=("bytes",),
    apis=APIS,
    good=[GOOD, refused_with(message="No. " * 1000)],
    bad=[refused_with(message="No. " * MOST_BYTES)],
)
def huge_error(x: Exchange) -> Iterator[Finding]:
    """Clients log errors in full and add them to prompts: each failed request costs memory, disk, or a context of tokens."""
    error = error_response(x)
    size = error.at.end - error.at.start if error.in_band else len(reply(x).content)
    if size > MOST_BYTES:
        seen = f"the {error.status} error has {size:,} bytes; the request has {len(x.sent):,}"
        yield Finding(seen, at=error.at, expected=f"at most {MOST_BYTES:,} bytes")


REPR = re.compile(
    r"\{'\w[^'\n]{0,60}': |<class '|\bat 0x[0-9a-fA-F]{6,16}>|\b[A-Z]\w{0,40}(?:Error|Exception)\((?=['\"\[({)])"
)
"""A dictionary, class, object or exception as Python prints it for its programmers."""


@rule(
    "ERR034",
    SHOULD,
    "error.message is text for people, not Python's notation of an object",
    spec=ENVELOPE,
    fix="Write the message yourself: don't pass an exception or a list of validation errors through `str` or `repr`.",
    applies_to=_is_error,
    apis=APIS,
    good=[GOOD, refused_with(message="'temperature' must be a number, not 'hot'. Set {\"temperature\": 1}.")],
    bad=[
        refused_with(message="[{'type': 'missing', 'loc': ('body', 'messages'), 'msg': 'Field required'}]"),
        refused_with(message="Error code: 400 - {'error': {'message': 'no', 'type': 'BadRequest'}}"),
        refused_with(message="ValueError('Unknown role')"),
        refused_with(message="<starlette.requests.Request object at 0x7f3a2c1b5d90>"),
    ],
)
def message_in_python(x: Exchange) -> Iterator[Finding]:
    """Agents show the message to their users, and search it for the reason: neither reads Python."""
    error = error_response(x)
    if found := REPR.search(error.message[:MOST_TEXT]):
        excerpt = error.message[found.start() : found.start() + 100]
        yield Finding(f"the message of the {error.status} error has Python's notation: {quoted(excerpt)}", at=error.at)
