"""The same recorded exchanges, written in each format."""

import base64
import gzip
import json
from copy import deepcopy

import yaml

DATE = "Mon, 02 Nov 2026 10:00:00 GMT"
STREAM = (
    'data: {"id":"c","choices":[{"index":0,"delta":{"content":"Zürich\\n"}}]}\r\n\r\n'
    'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
).encode()
COMPLETION = (
    b'{"id": "c", "choices": [{"index": 0, "message": {"role": "assistant", "content": "\\ud83d caf\\u00e9"}}]}'
)
ASKED = {"model": "m", "messages": [{"role": "user", "content": "Grüße: - a\n- b"}]}
JSON = {"content-type": "application/json", "date": DATE}


def exchange(**changes):
    """One exchange: a plain description from which each format's entry is written."""
    return {
        "method": "POST",
        "url": "https://api.example/v1/chat/completions",
        "asked": {"User-Agent": "OpenAI/Python 3", "Authorization": "Bearer sk-test-0123456789abcdef0123"},
        "body": json.dumps(ASKED, ensure_ascii=False),
        "status": 200,
        "told": JSON,
        "answer": COMPLETION,
        "at": "2026-11-02T10:00:00+00:00",
    } | changes


EXCHANGES = [
    exchange(),
    exchange(
        url="https://gateway.example:8443/openai/deployments/x/chat/completions?api-version=1",
        body=json.dumps(ASKED | {"stream": True}),
        told={"Content-Type": "text/event-stream; charset=utf-8", "Date": DATE, "X-Request-Id": "r"},
        answer=STREAM,
    ),
    exchange(method="GET", url="https://api.example/v1/models", body="", answer=b'{"data": []}'),
    exchange(
        url="http://api.example/anthropic/v1/messages?beta=true",
        body=json.dumps(ASKED | {"max_tokens": 5}),
        status=529,
        answer=b'{"type":"error","error":{"type":"overloaded_error","message":"\xff"}}',
    ),
    exchange(
        url="https://api.example/v1/responses",
        body='{"model": "m", "input": "a"}',
        answer=b'{"id": "resp", "object": "response", "output": []}',
    ),
]


def har(exchanges, **changes):
    return json.dumps(
        {"log": {"version": "1.2", "creator": {}, "entries": [har_entry(x) for x in exchanges]} | changes}
    )


def har_entry(x):
    return {
        "startedDateTime": x["at"],
        "time": 12.5,
        "request": {
            "method": x["method"],
            "url": x["url"],
            "httpVersion": "HTTP/2",
            "headers": [{"name": ":method", "value": x["method"]}, *_pairs(x["asked"])],
            "postData": {"mimeType": "application/json", "text": x["body"]},
        },
        "response": {
            "status": x["status"],
            "statusText": "",
            "headers": _pairs(x["told"]),
            "content": {"size": len(x["answer"]), "mimeType": "application/json"} | _har_text(x["answer"]),
        },
        "timings": {"send": 1, "wait": 1, "receive": 1},
        "comment": "",
    }


def _pairs(headers):
    return [{"name": name, "value": value} for name, value in headers.items()]


def _har_text(body):
    try:
        return {"text": body.decode()}
    except UnicodeDecodeError:
        return {"text": base64.b64encode(body).decode(), "encoding": "base64"}


def vcrpy(exchanges):
    """As vcrpy holds it; bodies that are not UTF-8 are bytes, the second is compressed."""
    found = [_vcrpy(x) for x in exchanges]
    if len(found) > 1:
        response = found[1]["response"]
        response["headers"] |= {"Content-Encoding": ["gzip"], "Content-Length": ["1"]}
        response["body"]["string"] = gzip.compress(exchanges[1]["answer"])
    return {"interactions": found, "version": 1}


def _vcrpy(x):
    return {
        "request": {
            "body": x["body"] or None,
            "headers": {name: [value] for name, value in x["asked"].items()},
            "method": x["method"],
            "uri": x["url"],
        },
        "response": {
            "body": {"string": _text_or_bytes(x["answer"])},
            "headers": {name: [value] for name, value in x["told"].items()},
            "status": {"code": x["status"], "message": ""},
        },
    }


def _text_or_bytes(body):
    try:
        return body.decode()
    except UnicodeDecodeError:
        return body


def vcrpy_yaml(exchanges):
    return yaml.dump(vcrpy(exchanges))


def vcrpy_json(exchanges):
    cassette = deepcopy(vcrpy(exchanges))
    for found in cassette["interactions"]:
        body = found["response"]["body"]
        if isinstance(body["string"], bytes):
            body["base64_string"] = base64.b64encode(body.pop("string")).decode()
    return json.dumps(cassette)


def ruby_yaml(exchanges):
    """As Ruby's VCR writes it: `!binary` bodies, repeated objects as aliases."""
    written = yaml.dump({"http_interactions": [_ruby(x) for x in exchanges], "recorded_with": "VCR 6.3.1"})
    return "---\n" + written.replace("!!binary", "!binary")


def _ruby(x):
    answer = _text_or_bytes(x["answer"])
    encoding = {"encoding": "UTF-8" if isinstance(answer, str) else "ASCII-8BIT"}
    return {
        "request": {
            "method": x["method"].lower(),
            "uri": x["url"],
            "body": {"encoding": "UTF-8", "string": x["body"]},
            "headers": {name: [value] for name, value in x["asked"].items()},
        },
        "response": {
            "status": {"code": x["status"], "message": None},
            "headers": {name: [value] for name, value in x["told"].items()},
            "body": encoding | {"string": answer},
        },
        "recorded_at": DATE,
    }


FORMATS = {"har": har, "vcrpy-yaml": vcrpy_yaml, "vcrpy-json": vcrpy_json, "ruby": ruby_yaml}
