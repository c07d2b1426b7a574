"""The recording as a HAR archive, for a browser's network panel. Keys stay masked."""

import base64
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

from harfile import Cache, Content, Creator, HarFile, PostData, Record, Request, Response, Timings

from conformance import __version__
from conformance.model.exchange import Exchange
from conformance.model.target import Target
from conformance.parsing.http1 import Header, reply
from conformance.report import curl
from conformance.report.document import Report
from conformance.report.escaping import safe
from conformance.report.failures import Recording

MS = 1e6
OWN_ENDING = "{id}: {how} at {phase}"
"""The comment on an entry: how and in which phase the exchange ended, which the reader of archives reads again."""


def render(report: Report, evidence: Recording) -> bytes:
    """A HAR 1.2 document, as bytes, of all exchanges that a verdict refers to."""
    names = dict.fromkeys(name for verdict in report.verdicts for name in verdict.exchanges)
    out = StringIO()
    began = datetime.fromisoformat(report.started)
    with HarFile(out, creator=Creator(name="oai-conformance", version=__version__)) as har:
        for number, x in enumerate(map(evidence.load, names)):
            at = (x.origin and x.origin.at) or began + timedelta(milliseconds=x.began_ns / MS or number)
            har.add_entry(**_entry(x, at, _base_url(x, evidence.target)))
    return out.getvalue().encode()


def _base_url(x: Exchange, target: Target) -> str:
    """Where the request went: upstream of a gateway, to the host that it names."""
    if x.hop == "client":
        return curl.target_of(x, target).base_url
    return f"http://{next((value for name, value in curl.read(x.sent).headers if name.lower() == 'host'), 'upstream')}"


def _entry(x: Exchange, at: datetime, base_url: str) -> dict[str, Any]:
    sent, received = curl.read(x.sent), reply(x)
    host = base_url.split("/")[2] if "//" in base_url else "target"
    scheme = base_url.partition(":")[0]
    first = x.arrivals[0].at_ns if x.arrivals else x.ending.at_ns
    last = x.arrivals[-1].at_ns if x.arrivals else x.ending.at_ns
    return {
        "startedDateTime": at,
        "time": last / MS,
        "request": Request(
            method=sent.method,
            url=f"{scheme}://{host}{sent.path}",
            httpVersion="HTTP/1.1",
            headers=[Record(name=name, value=safe(value)) for name, value in sent.headers],
            postData=PostData(mimeType="application/json", text=sent.body.decode("utf-8", "replace")),
            headersSize=sent.body_at,
            bodySize=len(sent.body),
        ),
        "response": Response(
            status=received.status,
            statusText="",
            httpVersion="HTTP/1.1",
            headers=[_header(header) for header in received.headers],
            content=_content(received.content, received.media_type or ""),
            headersSize=received.head.end,
            bodySize=len(x.received) - received.head.end,
        ),
        "timings": Timings(send=x.sent_at_ns / MS, wait=(first - x.sent_at_ns) / MS, receive=(last - first) / MS),
        "cache": Cache(),
        "comment": OWN_ENDING.format(id=x.id, how=x.ending.how, phase=x.ending.phase),
    }


def _header(header: Header) -> Record:
    return Record(name=safe(header.name), value=safe(header.value))


def _content(raw: bytes, media_type: str) -> Content:
    """A response body: as text if it is UTF-8, else base64."""
    try:
        return Content(size=len(raw), mimeType=media_type, text=raw.decode())
    except UnicodeDecodeError:
        return Content(size=len(raw), mimeType=media_type, text=base64.b64encode(raw).decode(), encoding="base64")
