"""Recorded traffic as exchanges, and as HAR archives."""

import json
from dataclasses import replace
from datetime import UTC, datetime

from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Origin
from conformance.rules.example import HELLO, answered, as_json, completion, error, sse

DATE = "Mon, 02 Nov 2026 10:00:00 GMT"
RECORDED = frozenset(("headers", "bytes"))
NO_FINISH = sse(*HELLO[:2], "[DONE]")
"""A stream that violates a MUST, CHK017, whoever sent it."""


def recorded(x, name, *, host="api.example", model="m", client="", day=2):
    """An exchange as recorded by another tool."""
    at = datetime(2026, 11, day, tzinfo=UTC)
    origin = Origin(host=host, model=model, client=client, source=f"{host}.har#{name}", at=at)
    case = CaseId(x.api, "recorded", x.mode, Kind.RECORDED)
    return replace(x, id=name, case=case, origin=origin, recorded=RECORDED, arrivals=(), cache={})


GOOD = answered(completion())
BAD = answered(completion(object="chat"))
"""A completion that violates a MUST, CMP001."""
REFUSED = answered(error(), status=400)


def entry(answer=None, *, host="api.example", model="m", stream=False, path="/v1/chat/completions", **changes):
    """An entry of a HAR archive."""
    asked = {"model": model, "messages": [{"role": "user", "content": "Hi"}], **({"stream": True} if stream else {})}
    body = (answer if isinstance(answer, bytes) else as_json(answer or completion()).encode()).decode()
    kind = "text/event-stream" if stream else "application/json"
    return {
        "startedDateTime": "2026-11-02T10:00:00Z",
        "request": {
            "method": "POST",
            "url": f"https://{host}{path}",
            "headers": [{"name": "user-agent", "value": "OpenAI/Python 2.7.0"}],
            "postData": {"mimeType": "application/json", "text": json.dumps(asked)},
        },
        "response": {
            "status": 200,
            "statusText": "OK",
            "headers": [{"name": "content-type", "value": kind}, {"name": "date", "value": DATE}],
            "content": {"mimeType": kind, "text": body},
        },
    } | changes


def write_har(path, *entries):
    """Write a HAR archive."""
    path.write_text(json.dumps({"log": {"version": "1.2", "creator": {}, "entries": list(entries)}}))
    return path
