"""The requests library (urllib3 2): where it raises, and how it reads a body as JSON."""

import codecs
import re
from itertools import takewhile
from typing import Final

from conformance.clients.transport import body, json_value, no_reply
from conformance.clients.turn import ClientError
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import reply

INTERIM: Final = re.compile(rb"HTTP/1\.[01] 1(?!00)\d\d ")
"""An interim response, which http.client takes for the final one; it skips 100 alone."""
FIELD: Final = re.compile(rb"[!-9;-~]*:|[ \t]")
"""How a line of the head begins that holds a header field, or continues one."""
REDIRECTS: Final = (301, 302, 303, 307, 308)
LEAST_GUESSED: Final = 4
"""Bytes of a body whose encoding is guessed."""


def json_of(x: Exchange) -> object:
    """What `raise_for_status` and `json` return.

    Raises ClientError if there is no response, for a 4xx or 5xx status, and for what is not JSON. A redirect is
    followed; where it leads to was not recorded, and counts as an error.
    """
    if INTERIM.match(x.received):
        raise ClientError("json", "Expecting value: line 1 column 1 (char 0)")
    if is_endless(x):
        raise ClientError("hang", "The response does not end.")
    if failed := no_reply(x) or _refused(x) or body(x).error:
        raise failed
    value = json_value(_text(x))
    if isinstance(value, ClientError):
        raise value
    return value


def is_endless(x: Exchange) -> bool:
    """Whether http.client finds no length of the body in the head, and reads until the connection ends.

    It drops a line that is no header field, and all that follow.
    """
    answer = reply(x)
    lines = takewhile(FIELD.match, x.received[answer.head.start : answer.head.end].splitlines()[1:])
    found = {name.strip().lower(): value.strip() for name, _, value in (line.partition(b":") for line in lines)}
    has_length = found.get(b"content-length", b"").isdigit() or b"transfer-encoding" in found
    return answer.framing in ("length", "chunked") and not has_length


def _refused(x: Exchange) -> ClientError | None:
    answer = reply(x)
    is_elsewhere = answer.status in REDIRECTS and answer.value("location")
    if answer.status < 400 and not is_elsewhere:
        return None
    return ClientError("status", f"{answer.status} Error: {answer.reason}", answer.status)


@cached_reader
def _text(x: Exchange) -> str:
    """The body as text: what is `text/...` is Latin-1, without a charset; bytes that are not of it are replaced."""
    content, answer = body(x).content, reply(x)
    declared = answer.value("content-type").partition(";")[0]
    encoding = answer.charset
    if not encoding and "text" in declared:
        encoding = "latin-1"
    elif not encoding and "application/json" in declared:
        encoding = "utf-8"
    elif not encoding and content.startswith(codecs.BOM_UTF8) and len(content) >= LEAST_GUESSED:
        encoding = "utf-8-sig"
    try:
        return content.decode(encoding or "utf-8", "replace")
    except LookupError:
        return content.decode("utf-8", "replace")
