"""The word in a request's text by which the two sides of a gateway are matched, and by which its upstream answers.

It stands in the last user message, which every gateway forwards, followed by the name of the script that the upstream
follows: `qk3v9x2m7p4wzab2:native-sse`. So an upstream needs no other channel to the harness.
"""

import base64
import hashlib
import re
from typing import Final, NamedTuple

NONCE: Final = re.compile(rb"\bq[a-z2-7]{15}\b")
MARKER: Final = re.compile(rb"\b(q[a-z2-7]{15}):([a-z0-9]+(?:[-.][a-z0-9]+)*)")
LETTERS: Final = 15


class Marker(NamedTuple):
    """A nonce, and the name of the upstream's script."""

    nonce: str
    script: str

    def __str__(self) -> str:
        return f"{self.nonce}:{self.script}"


def nonce(seed: int, name: str) -> str:
    """The nonce of a request with this name, in a run with this seed."""
    digest = hashlib.blake2b(f"{seed}/{name}".encode(), digest_size=10).digest()
    return "q" + base64.b32encode(digest).decode().lower()[:LETTERS]


def marker(text: bytes) -> Marker | None:
    """The last marker in a text, or None."""
    found = MARKER.findall(text)
    return Marker(found[-1][0].decode(), found[-1][1].decode()) if found else None


def markers(text: bytes) -> frozenset[str]:
    """The nonces in a text that a script's name follows: they stand for whole requests."""
    return frozenset(found[0].decode() for found in MARKER.findall(text))


def nonces(text: bytes) -> frozenset[str]:
    """All nonces in a text."""
    return frozenset(found.decode() for found in NONCE.findall(text))
