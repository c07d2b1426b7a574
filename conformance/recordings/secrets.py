"""Mask the secrets of a recorded exchange, by asterisks in the same length: nobody tells which they are.

Secrets are the credentials of the exchange (`credentials.py`), wherever else they occur, and whatever has the form of
a key. What masks hide from the rules is stated (`Exchange.hidden`).
"""

import re
from typing import Final, NamedTuple

from conformance.model.exchange import Span
from conformance.model.words import Hidden
from conformance.recordings.credentials import (
    CHALLENGE_FIELDS,
    PARAMETER,
    SCHEME,
    SECRET_PARAMETER,
    USER,
    Secrets,
    is_secret,
)
from conformance.transport import redact

WORD = re.compile(r"[^\s\"=,;]+")
STARS = re.compile(rb"\*{6,}")
"""What whoever recorded, or the server, may have put in place of a key."""
PREFIXES: Final = (
    *(
        b"sk-",
        b"sk_live_",
        b"sk_test_",
        b"rk_live_",
        b"pk_live_",
        b"xai-",
        b"gsk_",
        b"pplx-",
        b"nvapi-",
        b"csk-",
        b"AIza",
    ),
    *(
        b"tgp_v1_",
        b"fw_",
        b"r8_",
        b"hf_",
        b"ghp_",
        b"gho_",
        b"ghs_",
        b"github_pat_",
        b"glpat-",
        b"ya29.",
        b"AKIA",
        b"ASIA",
    ),
    *(b"xoxb-", b"xoxp-", b"eyJ"),
)
"""How keys begin that tell what they are: those of vendors, and what prompts may hold besides."""
LEAST = 16
"""Characters after it."""


class Shape(NamedTuple):
    """A form of secrets: a text without `hint`, in lower case, has none; the secret is the last group, or all."""

    hint: bytes
    pattern: re.Pattern[bytes]


def _beginning(prefix: bytes) -> Shape:
    """A key that begins so: a word of its own, with a digit."""
    begins = re.escape(prefix)
    rest = rb"[A-Za-z0-9_-]{%d,}" % LEAST if prefix != b"eyJ" else rb"[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}"
    return Shape(prefix.lower(), re.compile(begins + rb"(?<![A-Za-z0-9_-]" + begins + rb")(?=[A-Za-z_-]*[0-9])" + rest))


def _called(name: bytes) -> Shape:
    """A string in JSON, or in JSON in a string, that is called so."""
    value = rb"\\?[\"']\s*:\s*\\?[\"']([^\"'\\\s*][^\"'\\]{5,})"
    return Shape(name, re.compile(rb"(?i)(?<=[\"'])" + name + value))


SHAPES: Final = (
    *map(_beginning, PREFIXES),
    *map(
        _called, (b"api_key", b"apikey", b"api-key", b"x-api-key", b"authorization", b"access_token", b"client_secret")
    ),
    Shape(b"bearer", re.compile(rb"(?i)\bbearer(?: +|%20|\+)(?=[^\s\"'\\]{0,200}[0-9])([A-Za-z0-9._~+/=-]{8,})")),
)
"""Forms of keys, and of what is called a key, in bodies and anywhere else."""


def masked_field(name: str, value: str) -> str:
    """The value of a header field, masked but for its scheme if it may be a secret, and secrets in its URLs."""
    if name.lower() in CHALLENGE_FIELDS:
        return WORD.sub(lambda found: stars(found[0]) if redact.is_random(found[0]) else found[0], value)
    if not is_secret(name):
        return masked_query(value)
    scheme = SCHEME.match(value)
    start = scheme.end() if scheme else 0
    return value[:start] + stars(value[start:])


def masked_query(target: str) -> str:
    """A URL, or a text with URLs, with passwords and the secrets among query parameters masked."""
    target = PARAMETER.sub(_masked_parameter, target)
    return USER.sub(lambda found: found[1] + stars(found[2]), target)


def _masked_parameter(found: re.Match[str]) -> str:
    return found[1] + stars(found[3]) if SECRET_PARAMETER.fullmatch(found[2]) else found[0]


def stars(secret: str) -> str:
    """As many asterisks as the text has bytes."""
    return "*" * len(redact.to_bytes(secret))


def masked_text(text: str) -> str:
    """A text about a recording, with everything masked that has the form of a key."""
    return _without_shapes(redact.to_bytes(masked_query(text))).decode("utf-8", "replace")


class Masked(NamedTuple):
    """Both messages without secrets, where the response repeated a key of the request, and what is `hidden` since."""

    sent: bytes
    received: bytes
    repeated: tuple[Span, ...]
    hidden: frozenset[Hidden]


def masked_messages(sent: bytes, received: bytes, shown: bytes, secrets: Secrets) -> Masked:
    """Both messages with secrets masked; `shown` is the response before its secret header fields were.

    A key that is in the request's body, too, is not repeated from its head.
    """
    body = sent.partition(b"\r\n\r\n")[2]
    unsaid = [key for key in secrets.keys if redact.to_bytes(key) not in body and _is_telling(key)]
    every = (*secrets.keys, *secrets.others)
    _, repeated = redact.mask_received(shown, unsaid)
    known, _ = redact.mask_received(received, every)
    answered = _without_shapes(known)
    hidden: set[Hidden] = set()
    if secrets.is_key_unknown:
        hidden.add("key")
    if answered != known or (secrets.is_key_unknown and STARS.search(received)):
        hidden.add("response")
    return Masked(_without_shapes(redact.mask_sent(sent, (), every)), answered, repeated, frozenset(hidden))


def _is_telling(key: str) -> bool:
    """Whether to find the key means that the response repeats it: a short one ("gpt-4o") may be there anyway."""
    return len(key) >= redact.MIN_VALUE_LENGTH or redact.is_random(key)


def _without_shapes(text: bytes) -> bytes:
    folded = text.lower()
    likely = (shape.pattern for shape in SHAPES if shape.hint in folded)
    ranges = [found.span(found.lastindex or 0) for pattern in likely for found in pattern.finditer(text)]
    return redact.blank(text, ranges) if ranges else text
