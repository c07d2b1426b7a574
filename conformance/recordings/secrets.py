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
SCHEME = re.compile(r"(?:basic|bearer|token|digest|apikey|aws4-hmac-sha256) +(?=\S)", re.IGNORECASE)
COOKIE = re.compile(r"[^\s;=]+=([^;]*)")
QUERY = re.compile(
    r"(?i)([?&](?:[\w.-]*[-_])?(?:key|api-?key|sig|signature|token|secret|password|credential|code)=)([^&#]*)"
)
"""A query parameter with a secret, such as `key=`, `api_key=`, `sig=` or `X-Amz-Signature=`."""

START, REST = rb"(?<![A-Za-z0-9_+/=.-])", rb"[A-Za-z0-9_-]"
SHAPES: Final = (
    re.compile(START + rb"sk-(?=[A-Za-z_-]*[0-9])" + REST + rb"{16,}"),
    re.compile(START + rb"(?:[rsp]k_(?:live|test)_|gsk_|hf_|r8_|fw_|gh[opsu]_|github_pat_|glpat-)" + REST + rb"{16,}"),
    re.compile(START + rb"(?:xai-|pplx-|nvapi-|csk-|tgp_v1_|xox[abprs]-|ya29\.|AIza)" + REST + rb"{20,}"),
    re.compile(START + rb"(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    re.compile(START + rb"eyJ" + REST + rb"{10,}\.eyJ" + REST + rb"{10,}\." + REST + rb"{10,}"),
    re.compile(rb"(?i)\bbearer(?: +|%20|\+)(?=[^\s\"'\\]*[0-9])([A-Za-z0-9._~+/=-]{8,})"),
    re.compile(
        rb"(?i)\\?[\"'](?:api[-_]?key|x-api-key|authorization|access_token|client_secret)\\?[\"']\s*:\s*"
        rb"\\?[\"']([^\"'\\\s*][^\"'\\]{5,})"
    ),
)
"""Forms of keys and of what is called a key, in bodies and anywhere else; the secret is the last group, or all."""


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
            pairs = COOKIE.findall(value)
            others += pairs[:1] if name.lower().startswith("set-") else pairs
        elif is_secret(name):
            others.append(SCHEME.sub("", value, count=1))
    return Secrets(_distinct(keys), _distinct(others))


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value.strip() for value in values if _looks_secret(value.strip())))


def _looks_secret(value: str) -> bool:
    is_long = len(value) >= redact.MIN_VALUE_LENGTH or (
        len(value) >= redact.MIN_LENGTH and any(map(str.isdigit, value))
    )
    return is_long and not set(value) <= set("*xX.-_ ")


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
    ranges = [found.span(found.lastindex or 0) for shape in SHAPES for found in shape.finditer(text)]
    return redact.blank(text, ranges) if ranges else text
