"""A reply before it is bytes: status, headers, the parts of its body, its coding, its framing and how it ends."""

import gzip
import json
import zlib
from dataclasses import dataclass, replace
from functools import cache
from typing import Literal

from scenes import NATIVE, SPEAKS, greeting

from conformance.probes.encoding import Offer, tools, usage_too
from conformance.probes.tools import FORECAST, closed, tool
from conformance.testbed.server.deployments import DEPLOYMENTS, reply_to
from conformance.testbed.server.reply import WireResponse, Write

Script = Literal["text", "tools", "spoken", "usage", "refused", "other-mode"]
Coding = Literal["", "gzip", "deflate", "raw-deflate"]
SPEAKING = tool(SPEAKS, "Send a message.", closed(thinking={"type": "string"}, message={"type": "string"}))
"""The tool by which an agent sends its text, after its thoughts."""

NOW = "{now}"
"""In a header: the time at which the reply is played."""


@dataclass(frozen=True)
class Draft:
    """One reply. `parts` are its events, or its one document; `cut` is the share of the framed body that is sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    parts: tuple[bytes, ...]
    streams: bool
    coding: Coding = ""
    framing: Literal["length", "chunked", "close"] = "length"
    cut: float | None = None
    end: Literal["clean", "abort", "reset", "hold"] = "clean"

    def with_part(self, at, part):
        """The draft with another part at this place."""
        return replace(self, parts=(*self.parts[:at], part, *self.parts[at + 1 :]))

    def with_header(self, name, value):
        """The draft with this header instead of its own of that name; None removes it."""
        kept = tuple(header for header in self.headers if header[0] != name)
        return replace(self, headers=kept if value is None else (*kept, (name, value)))


def _raw_deflate(body):
    made = zlib.compressobj(wbits=-15)
    return made.compress(body) + made.flush()


CODERS = {
    "": lambda body: body,
    "gzip": lambda body: gzip.compress(body, mtime=0),
    "deflate": zlib.compress,
    "raw-deflate": _raw_deflate,
}


@cache
def base(api, mode, script):
    """The embedded server's own reply."""
    asked = greeting(api, mode)
    offered = {"tools": FORECAST, "spoken": SPEAKING}.get(script)
    more = tools(api, Offer((offered,), "required")) if offered else usage_too(api, mode) if script == "usage" else {}
    body = asked.json | more
    if script == "other-mode":
        body = {name: value for name, value in body.items() if name != "stream"} | ({} if mode == "stream" else STREAM)
    deployment = DEPLOYMENTS["stopgap-501"] if script == "refused" else NATIVE
    reply = reply_to(replace(asked, json=body, body=json.dumps(body).encode()), deployment)
    parts = tuple(piece.data for piece in reply.pieces)
    streams = reply.framing == "chunked"
    headers = tuple(header for header in reply.headers if header[0] not in ("x-request-id", "request-id"))
    return Draft(reply.status, headers, parts, streams, framing=reply.framing)


STREAM = {"stream": True}


def played(draft, now="", held_s=0.0):
    """The reply as the stage plays it. `now` is the time in its headers, `held_s` how long a held one stays open."""
    pieces = _framed(draft)
    length = len(_coded(draft))
    given = {name for name, _ in draft.headers}
    framing = {"length": ("content-length", str(length)), "chunked": ("transfer-encoding", "chunked")}
    own = [] if draft.framing == "close" or framing[draft.framing][0] in given else [framing[draft.framing]]
    headers = [*draft.headers, *own, ("connection", "close")]
    lines = [f"{name}: {value.replace(NOW, now)}" for name, value in headers]
    head = "\r\n".join([f"HTTP/1.1 {draft.status} x", *lines, "", ""]).encode("latin-1")
    return WireResponse(
        status=draft.status,
        headers=(),
        head=head,
        pieces=tuple(Write(data=piece) for piece in pieces),
        framing="close",
        end=draft.end,
        hold_s=held_s if draft.end == "hold" else 0.0,
    )


def _coded(draft):
    return CODERS[draft.coding](b"".join(draft.parts))


def _framed(draft):
    if draft.coding or draft.framing != "chunked":
        body = _coded(draft)
        half = max(len(body) // 2, SMALLEST) if draft.coding else len(body)
        pieces = [body[:half], body[half:]]
    else:
        pieces = list(draft.parts)
    if draft.framing == "chunked":
        pieces = [b"%x\r\n%s\r\n" % (len(piece), piece) for piece in pieces if piece] + [b"0\r\n\r\n"]
    if draft.cut is None:
        return pieces
    whole = b"".join(pieces)
    kept = whole[: int(len(whole) * draft.cut)]
    return [kept[at : at + STEP] for at in range(0, len(kept), STEP)]


SMALLEST = 16
"""Bytes of the first write of a coded body: httpx decides after the first read which kind of deflate it is."""
STEP = 600
"""Bytes of one write of a reply that is cut."""
