"""Edits of status, headers, coding, the whole body, and how the reply ends."""

from dataclasses import replace

from .draft import NOW
from .edits import edit

STATUSES = (
    200,
    200,
    201,
    202,
    204,
    206,
    302,
    304,
    400,
    401,
    402,
    403,
    404,
    408,
    409,
    413,
    418,
    422,
    429,
    500,
    501,
    502,
    503,
    504,
    529,
    599,
)
TYPES = (
    "text/event-stream", "application/json", "text/plain", "text/html", "application/json; charset=utf-8",
    "application/problem+json", "application/jsonl", "text/event-stream; charset=latin-1", "APPLICATION/JSON", "", None,
    "application/x-ndjson", "nonsense", "application/octet-stream",
)  # fmt: skip
RETRY = (
    ("retry-after", "0"), ("retry-after", "1"), ("retry-after", "0.5"), ("retry-after", "61"),
    ("retry-after", "119"), ("retry-after", "121"), ("retry-after", "3600"),
    ("retry-after", "-1"), ("retry-after", "soon"), ("retry-after", "nan"), ("retry-after", "inf"),
    ("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2099 07:28:00 GMT"),
    ("retry-after-ms", "1"), ("retry-after-ms", "200000"), ("retry-after-ms", "x"), ("x-should-retry", "true"),
    ("x-should-retry", "false"), ("x-should-retry", "False"), ("x-should-retry", "1"), ("retry-after", ""),
)  # fmt: skip
FAILING = (408, 409, 413, 429, 429, 500, 501, 502, 503, 400)
BODIES = (
    b"", b"{}", b"[]", b"null", b'"text"', b"<html><body>No.</body></html>", b"OK", b'{"detail":"Not Found"}',
    b"data: [DONE]\n\n",
    b": ping\n\n", b"\n\n", b'{"error":{"message":"no","type":"x","param":null,"code":null}}', b'{"error":"no"}',
    b'{"choices":[]}', b"\xff\xfe", b'{"message":"no"}',
)  # fmt: skip
DATED = ("date", NOW)


@edit("status")
def status(draft, random):
    return replace(draft, status=random.choice(STATUSES))


@edit("content-type")
def content_type(draft, random):
    return draft.with_header("content-type", random.choice(TYPES))


@edit("retry-header")
def retry_header(draft, random):
    """A failure that says when, or whether, to try again."""
    name, value = random.choice(RETRY)
    failing = draft.status if draft.status >= 300 else random.choice((*FAILING, draft.status))
    draft = replace(draft.with_header(name, value), status=failing).with_header(*DATED)
    other, told = random.choice(RETRY)
    return draft.with_header(other, told) if random.random() < 0.2 else draft


@edit("coding")
def coding(draft, random):
    """A content coding, declared or not, and really used or not."""
    real = random.choice(("gzip", "deflate", "raw-deflate", ""))
    honest = {"raw-deflate": "deflate", "": "identity"}.get(real, real)
    declared = (
        honest
        if random.random() < 0.6
        else random.choice(("gzip", "deflate", "br", "zstd", "x-gzip", "GZIP", "x", "", None))
    )
    return replace(draft, coding=real).with_header("content-encoding", declared)


@edit("body")
def body(draft, random):
    """Another body altogether."""
    return replace(draft, parts=(random.choice(BODIES),))


@edit("cut")
def cut(draft, random):
    """The body breaks off: by a close where more was announced, or by one that looks like its end."""
    framing = random.choice((draft.framing, draft.framing, "close"))
    return replace(draft, framing=framing, cut=random.random(), end="abort" if framing != "close" else "clean")


@edit("reset")
def reset(draft, random):
    return replace(draft, cut=random.random(), end="reset")


@edit("hold")
def hold(draft, random):
    """The reply stops and the connection stays open."""
    if random.random() < 0.7:  # waiting takes time: most of these are another kind
        return draft
    return replace(draft, cut=random.choice((0.0, 0.5, 0.97, random.random())), end="hold")
