"""The requests library (urllib3 2, http.client): where it raises, and how it reads a body as JSON."""

import re
from collections.abc import Iterator
from itertools import takewhile
from json import detect_encoding
from typing import Final

from conformance.clients.transport import body, json_value, no_reply
from conformance.clients.turn import ClientError
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply

INTERIM: Final = re.compile(rb"HTTP/1\.[01] 1(?!00)\d\d ")
"""An interim response, which http.client takes for the final one; it skips 100 alone."""
FIELD: Final = re.compile(rb"[!-9;-~]*:|[ \t]")
"""How a line of the head begins that holds a header field, or continues one."""
LONGEST_LINE: Final = 65_536
"""Bytes of a line of the head."""
MOST_LINES: Final = 100
"""Lines of header fields."""
REDIRECTS: Final = (301, 302, 303, 307, 308)


def json_of(x: Exchange) -> object:
    """What `raise_for_status` and `json` return.

    Raises ClientError if there is no response, for a 4xx or 5xx status, and for what is not JSON. A redirect is
    followed; where it leads to was not recorded, and counts as an error.
    """
    if INTERIM.match(x.received):
        raise ClientError("json", "Expecting value: line 1 column 1 (char 0)")
    if is_endless(x):
        raise ClientError("hang", "The response does not end.")
    if failed := _no_response(x) or _refused(x) or body(x).error:
        raise failed
    value = json_value(_text(x))
    if isinstance(value, ClientError):
        raise value
    return value


def is_endless(x: Exchange) -> bool:
    """Whether http.client finds no length of the body in the head, and reads until the connection ends.

    It drops a line that is no header field, and all that follow.
    """
    kept = (line.partition(b":") for line in takewhile(FIELD.match, _lines(x)))
    found = {name.strip().lower(): value.strip() for name, _, value in kept}
    has_length = found.get(b"content-length", b"").isdigit() or b"transfer-encoding" in found
    return reply(x).framing in ("length", "chunked") and not has_length


def _lines(x: Exchange) -> Iterator[bytes]:
    """The lines of the head after the status line."""
    head = reply(x).head
    yield from x.received[head.start : head.end].rstrip(b"\r\n").splitlines()[1:]


def _no_response(x: Exchange) -> ClientError | None:
    """Why there is no response: http.client is more lenient than h11, but has limits of its own."""
    answer, lines = reply(x), [*_lines(x)]
    if not answer.version.startswith("HTTP/1."):
        return no_reply(x) or ClientError("connection", answer.version)
    if len(lines) > MOST_LINES or any(len(line) > LONGEST_LINE for line in lines):
        return ClientError("connection", "Connection aborted.")
    if len({part.strip() for value in answer.values("content-length") for part in value.split(",")}) > 1:
        return ClientError("connection", "Content-Length contained multiple unmatching values")
    return None


def _refused(x: Exchange) -> ClientError | None:
    answer = reply(x)
    is_elsewhere = answer.status in REDIRECTS and answer.value("location")
    if 400 <= answer.status < 600 or is_elsewhere:
        return ClientError("status", f"{answer.status} Error: {answer.reason}", answer.status)
    return None


def _text(x: Exchange) -> str:
    """The body as text: what is `text/...` is Latin-1, without a charset; bytes that are not of it are replaced."""
    content, answer = body(x).content, reply(x)
    declared = answer.value("content-type").partition(";")[0]
    encoding = answer.charset
    if not encoding and "text" in declared:
        encoding = "latin-1"
    elif not encoding:
        encoding = "utf-8" if "application/json" in declared else detect_encoding(content)
    try:
        return content.decode(encoding, "replace")
    except LookupError:
        return content.decode("utf-8", "replace")
