"""The word in a request's text by which the two sides of a gateway are matched, and by which its upstream answers.

It stands in the last user message, in each prompt of Completions, or in each input of Embeddings, which every gateway
forwards, followed by the name of the script that the upstream follows: `qk3v9x2m7p4wzab2:native-sse`. So an upstream
needs no other channel to the harness. A list of token IDs spells it: each ID is the code of a character.
"""

import base64
import hashlib
import re
from typing import Final, NamedTuple

NONCE: Final = re.compile(rb"\bq[a-z2-7]{15}\b")
MARKER: Final = re.compile(rb"\b(q[a-z2-7]{15}):([a-z0-9]+(?:[-.][a-z0-9]+)*)")
IDS: Final = re.compile(rb"\[\s*([0-9]{1,7}(?:\s*,\s*[0-9]{1,7}){17,})\s*\]")
"""A list of token IDs in JSON that is long enough to spell a marker."""
LETTERS: Final = 15
ASCII: Final = 128
UNKNOWN: Final = ord("?")
"""Stands for a token ID that is no character."""


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
    """The last marker in a text, or else the last one that token IDs spell; or None."""
    found = MARKER.findall(text) or MARKER.findall(_spelled(text))
    return Marker(found[-1][0].decode(), found[-1][1].decode()) if found else None


def token_ids(text: str) -> list[int]:
    """Token IDs that spell a text: the codes of its characters, which have to be ASCII."""
    return [*text.encode("ascii")]


def renamed(body: bytes, old: str, new: str) -> bytes:
    """The JSON of a request with another nonce, which is as long."""
    old_ids, new_ids = (",".join(map(str, token_ids(one))).encode() for one in (old, new))
    return body.replace(old.encode(), new.encode()).replace(old_ids, new_ids)


def _spelled(text: bytes) -> bytes:
    """What the lists of token IDs in a JSON text spell, each in a line."""
    lists = (map(int, found.split(b",")) for found in IDS.findall(text))
    return b"\n".join(bytes(code if code < ASCII else UNKNOWN for code in codes) for codes in lists)


def markers(text: bytes) -> frozenset[str]:
    """The nonces in a text that a script's name follows: they stand for whole requests."""
    return frozenset(found[0].decode() for found in MARKER.findall(text))


def nonces(text: bytes) -> frozenset[str]:
    """All nonces in a text."""
    return frozenset(found.decode() for found in NONCE.findall(text))
