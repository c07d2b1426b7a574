"""From a WireResponse to bytes: the status line and headers, the body framing, and when each piece is written."""

from email.utils import formatdate
from http.client import responses

from conformance.testbed.server.reply import Headers, WireResponse, Write


def encode_head(reply: WireResponse, *, closing: bool) -> bytes:
    """The status line and headers, with framing headers where the reply sets none of its own."""
    if reply.head is not None:
        return reply.head
    own = {name.lower() for name, _ in reply.headers}
    framing = {
        "length": ("content-length", str(sum(len(p.data) for p in reply.pieces))),
        "chunked": ("transfer-encoding", "chunked"),
        "close": ("connection", "close"),
    }[reply.framing]
    added: Headers = (("date", formatdate(usegmt=True)), framing, *((("connection", "close"),) if closing else ()))
    headers = [*reply.headers, *dict.fromkeys(h for h in added if h[0] not in own)]
    lines = [f"{name}: {value}" for name, value in headers]
    status = f"HTTP/1.1 {reply.status} {responses.get(reply.status, '')}"
    return "\r\n".join([status, *lines, "", ""]).encode("latin-1")


def writes(reply: WireResponse, *, closing: bool = False, bodiless: bool = False) -> list[Write]:
    """What to write and when, from the status line to the reply's end."""
    head = encode_head(reply, closing=closing)
    first, *rest = reply.pieces or (Write(data=b""),)
    body = () if bodiless else (Write(data=first.data), *rest)
    framed = [Write(data=_frame(reply, p.data), wait_s=p.wait_s) for p in body]
    last = b"0\r\n\r\n" if reply.framing == "chunked" and not bodiless else b""
    if reply.end == "clean":
        framed.append(Write(data=last + reply.after))
    elif reply.framing == "length":
        framed = _without_last_byte(framed)
    opening = Write(data=head + (framed[0].data if framed else b""), wait_s=first.wait_s)
    return [opening, *framed[1:]]


def _frame(reply: WireResponse, raw: bytes) -> bytes:
    return b"%x\r\n%s\r\n" % (len(raw), raw) if raw and reply.framing == "chunked" else raw


def _without_last_byte(pieces: list[Write]) -> list[Write]:
    for at in range(len(pieces) - 1, -1, -1):
        if pieces[at].data:
            return [*pieces[:at], Write(data=pieces[at].data[:-1], wait_s=pieces[at].wait_s), *pieces[at + 1 :]]
    return pieces
