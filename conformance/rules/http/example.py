"""Building blocks of the HTTP rules' examples."""

from conformance.model.exchange import Ending, Exchange
from conformance.rules.example import CLOSED, HELLO, SSE, answered, completion, exchange, http, sse

GOOD = answered(completion())
EVENTS = sse(*HELLO)
CHUNKED = (SSE, ("transfer-encoding", "chunked"))
RESET = Ending("reset", "body", 0)
CUT = Ending("closed", "body", 0)


def chunks(*parts: bytes, last: bytes = b"0\r\n\r\n") -> bytes:
    """The parts in chunked coding."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts) + last


def framed(body: bytes, ending: Ending = CLOSED) -> Exchange:
    """A chunked stream of these bytes, framing included."""
    return exchange(http(200, CHUNKED, body, length=False), ending=ending)
