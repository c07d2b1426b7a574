"""Mask the secrets of a recorded exchange, by asterisks in the same length: nobody tells which they are.

Secrets are the values of some header fields and query parameters, wherever else they occur, and whatever has the form
of a key.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from conformance.model.exchange import Span
from conformance.transport import redact

Fields = Sequence[tuple[str, str]]

SECRET_FIELD = re.compile(
    r"(?:proxy-)?authorization|(?:set-)?cookie2?|.*(?:^|[-_])(?:api-?key|key|token|secret|password|signature|credential)",
    re.IGNORECASE,
)
"""Names of header fields with a secret."""
KEY_FIELDS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Those with the key of the API."""
SCHEME = re.compile(r"\A(?:basic|bearer|token|digest|apikey|aws4-hmac-sha256) +(?=\S)", re.IGNORECASE)
QUERY = re.compile(
    r"(?i)([?&](?:[\w.-]*[-_])?(?:key|api-?key|sig|signature|token|secret|password|credential|code)=)([^&#]*)"
)
"""A query parameter with a secret, such as `key=`, `api_key=`, `sig=` or `X-Amz-Signature=`."""

MOST_SECRETS: Final = 32
LONGEST_SECRET: Final = 16 * 1024
"""Bounds on what is searched for, in many encodings, in the bodies: no exchange has as many secrets."""
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


def is_secret(name: str) -> bool:
    """Whether a header field holds a secret."""
    return bool(SECRET_FIELD.fullmatch(name))


def masked_field(name: str, value: str) -> str:
    """The value of a header field, masked if it is a secret: all but the scheme of a credential."""
    if not is_secret(name):
        return value
    scheme = SCHEME.match(value)
    start = scheme.end() if scheme else 0
    return value[:start] + stars(value[start:])


def masked_query(target: str) -> str:
    """A URL or request target with the secrets among its query parameters masked."""
    return QUERY.sub(lambda found: found[1] + stars(found[2]), target)


def stars(secret: str) -> str:
    """As many asterisks as the text has bytes."""
    return "*" * len(redact.octets(secret))


class Secrets(NamedTuple):
    """What to search for in both messages: the keys of the request, and other values that are nobody's business."""

    keys: tuple[str, ...]
    others: tuple[str, ...]


def secrets_of(target: str, sent: Fields, received: Fields) -> Secrets:
    """The secrets among the header fields and query parameters of one exchange.

    A short word without a digit ("openai", "dummy") is a placeholder, and masking it would falsify the bodies.
    """
    keys = [SCHEME.sub("", value, count=1) for name, value in sent if name.lower() in KEY_FIELDS]
    others = [found[2] for found in QUERY.finditer(target)]
    for name, value in (*sent, *received):
        if "cookie" in name.lower():
            pairs = value.split(";", 1)[:1] if name.lower().startswith("set-") else value.split(";")
            others += [pair.partition("=")[2] for pair in pairs]
        elif is_secret(name):
            others.append(SCHEME.sub("", value, count=1))
    return Secrets(_distinct(keys), _distinct(others))


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.strip() for value in values if _looks_secret(value.strip())))[:MOST_SECRETS]


def _looks_secret(value: str) -> bool:
    is_long = len(value) >= redact.MIN_VALUE_LENGTH or (
        len(value) >= redact.MIN_LENGTH and any(map(str.isdigit, value))
    )
    return is_long and len(value) <= LONGEST_SECRET and not set(value) <= set("*xX.-_ ")


def masked_text(text: str) -> str:
    """A text about a recording, with everything masked that has the form of a key."""
    return _without_shapes(redact.octets(masked_query(text))).decode("utf-8", "replace")


def masked_messages(sent: bytes, received: bytes, secrets: Secrets) -> tuple[bytes, bytes, tuple[Span, ...]]:
    """Both messages, with secrets masked, and where the response repeated a key that is not in the request's body."""
    body = sent.partition(b"\r\n\r\n")[2]
    unsaid = [key for key in secrets.keys if redact.octets(key) not in body]
    received, repeated = redact.mask_received(received, unsaid)
    received, _ = redact.mask_received(received, (*secrets.keys, *secrets.others))
    sent = redact.mask_sent(sent, (), (*secrets.keys, *secrets.others))
    return _without_shapes(sent), _without_shapes(received), repeated


def _without_shapes(text: bytes) -> bytes:
    folded = text.lower()
    likely = (shape.pattern for shape in SHAPES if shape.hint in folded)
    ranges = [found.span(found.lastindex or 0) for pattern in likely for found in pattern.finditer(text)]
    return redact.blank(text, ranges) if ranges else text
