"""How long a rejection says that its client should wait."""

import re
from typing import Final

from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import reply

SECONDS: Final = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")


@cached_reader
def retry_after_s(x: Exchange) -> float | None:
    """The seconds of Retry-After or retry-after-ms; None where there is none, or a date."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        value = reply(x).value(name).strip()
        if SECONDS.fullmatch(value):
            return float(value) * unit
    return None
