"""What an error must not tell: the server's inside, the key, the conversation."""

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.exchange import Exchange, Span
from conformance.read.refusal import quoted, refusal
from conformance.read.request import asked
from conformance.read.value import mapping, sequence
from conformance.rule import rule
from conformance.rules.err.example import GOOD, MISTAKE, REFUSED, refused_with
from conformance.rules.example import (
    answered,
    error,
)
from conformance.rules.when import (
    replied,
)
from conformance.verdict import MUST, SHOULD, Finding, Skip, not_applicable

LEAK = re.compile(
    r"Traceback \(most recent call last\)|\bgoroutine \d+ \[|panicked at |File \\?\"[^\"]{1,300}\", line \d+"
    r"|\bat [\w.$<>]{1,200} ?\([^)\s]{1,300}\.(?:js|ts|mjs|cjs|java|kt|scala):\d+"
    r"|(?<![\w/.:-])(?:/[\w.-]{1,60}){1,12}\.(?:py|js|ts|mjs|go|rs|rb|php|java|cpp)\b"
    r"|\b[A-Z]:(?:\\{1,2}[\w.-]{1,60}){1,12}\.(?:py|js|ts|cs)\b"
)
LONG_ENOUGH = 8
"""Characters of a message: less may stand in an error by chance."""


def _said_no(x: Exchange) -> Skip | None:
    return replied(x) or (None if refusal(x) else not_applicable("no error came"))


@rule(
    "ERR018",
    MUST,
    "An error shows nothing of the server's inside",
    spec="https://cwe.mitre.org/data/definitions/209.html",
    fix="Log the traceback, and answer with a sentence and a request id.",
    when=_said_no,
    good=[GOOD, answered(error("See https://example.com/docs/errors.js or /v1/models."), status=400, **MISTAKE)],
    bad=[
        refused_with(message='Traceback (most recent call last):\n  File "/app/main.py", line 3'),
        answered("at Layer.handle (/srv/node_modules/express/lib/router/layer.js:95:5)", status=500, **MISTAKE),
        refused_with(message="KeyError in /opt/server/api/chat.py"),
    ],
)
def leaked_traceback(x: Exchange) -> Iterator[Finding]:
    """Paths and line numbers tell an attacker where to look, and a user nothing."""
    said = refusal(x)
    if found := LEAK.search(said.message) or LEAK.search(said.text):
        yield Finding(f"the error shows the server's inside: {quoted(found[0])}", at=said.at)


@rule(
    "ERR019",
    MUST,
    "The key is never sent back",
    spec="https://cwe.mitre.org/data/definitions/201.html",
    fix="Never write a credential into a reply, a header or an error.",
    when=replied,
    good=[GOOD],
    bad=[replace(GOOD, masked=(Span(60, 70),))],
)
def key_sent_back(x: Exchange) -> Iterator[Finding]:
    """Replies are logged by clients, proxies and monitors that should never hold a key."""
    for at in x.masked:
        if at.side == "heard":
            yield Finding("the target repeated the API key", at=at)


SECRET: dict[str, Any] = {
    "body": {"model": "m", "messages": [{"role": "user", "content": "My name is Rumpelstiltskin."}]},
    "probe": "chat.mistake.bad-role",
}


@rule(
    "ERR020",
    SHOULD,
    "An error does not repeat the conversation",
    spec="https://cwe.mitre.org/data/definitions/209.html",
    fix="Leave the input out of validation errors (in pydantic: include_input=False).",
    when=_said_no,
    good=[answered(REFUSED, status=400, **SECRET)],
    bad=[answered({"detail": [{"msg": "no", "input": SECRET["body"]}]}, status=422, **SECRET)],
)
def conversation_sent_back(x: Exchange) -> Iterator[Finding]:
    """Errors are logged where conversations must not be."""
    said = refusal(x)
    texts = (mapping(message).get("content") for message in sequence(asked(x).get("messages")))
    if any(isinstance(t, str) and len(t) >= LONG_ENOUGH and (t in said.text or t in said.message) for t in texts):
        yield Finding(f"the error {said.status} repeats a message of the request", at=said.at)
