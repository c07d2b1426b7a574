"""Which values of a recorded exchange are credentials: by the name of what holds them, and by how random they are.

A name that may hold a secret is enough to mask a value where it stands. To search for it elsewhere takes more: a cookie
may hold a time or a word of the protocol, which the bodies hold, too, and to mask it there would falsify them.
"""

import base64
import binascii
import re
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

from conformance.schemas import protocol_words
from conformance.transport import redact

Fields = Sequence[tuple[str, str]]

SECRET_WORDS: Final = (
    *("auth", "authorization", "authentication", "authtoken", "bearer", "jwt", "credential", "credentials", "hmac"),
    *("key", "apikey", "token", "secret", "password", "passwd", "pass", "pwd", "signature", "sas", "csrf", "xsrf"),
    *("cookie", "cookie2", "session", "sessionid", "principal"),
)
SECRET_ENDS: Final = ("token", "secret", "password", "passwd", "apikey")
"""A header field may hold a secret if a part of its name is one of these words, or ends so (`x-accesstoken`)."""
PART = re.compile(r"[-_]")
PUBLIC_FIELD = re.compile(r"(?i)rate-?limit|cache|surrogate|idempotency")
"""Those of them whose value is no credential: `X-RateLimit-Key` names a model, `Surrogate-Key` what to purge."""
KEY_FIELDS: Final = ("authorization", "x-api-key", "api-key", "x-goog-api-key")
"""Those with the key of the API."""
LOGIN_FIELDS: Final = ("proxy-authorization", "x-authorization", "authentication", "cf-aig-authorization")
"""Others with a credential and nothing else, in the form of Authorization."""
ADDRESS_FIELDS: Final = ("location", "content-location", "referer", "referrer", "link", "refresh", "origin")
"""Header fields with URLs."""
CHALLENGE_FIELDS: Final = ("www-authenticate", "proxy-authenticate")

SCHEME = re.compile(r"\A(?:basic|bearer|token|digest|apikey|aws4-hmac-sha256) +(?=\S)", re.IGNORECASE)
NEXT_CREDENTIAL = re.compile(r",[ \t]{0,9}(?=(?:basic|bearer|token|apikey) {1,9}\S)", re.IGNORECASE)
PARAMETER = re.compile(r"([?&]([\w.-]{1,80})=)([^&#\s\"'<>]*)")
SECRET_PARAMETER = re.compile(
    r"(?i)(?:.*[-_.])?(?:key|sig|code|auth|jwt|pass|pwd|sas|session|sid)"
    r"|.*(?:signature|token|secret|hmac|passw(?:or)?d|credentials?|session-?_?id)"
    r"|.*(?:api|access|account|subscription|private|client|auth)key"
)
"""A query parameter with a secret, such as `key=`, `api_key=`, `authToken=`, `sig=` or `X-Amz-Signature=`."""
KEY_PARAMETER = re.compile(r"(?i)(?:(?:api|subscription)[-_]?)?key")
"""One with the key of the API."""
USER = re.compile(r"((?:\A|//)[^/@\s:?#]*:)([^/@\s?#]+)(?=@)")
"""A password in a URL, or in what names a host."""
SECRET_MEMBER = re.compile(
    r"(?i)(?:\w*[_-])?(?:api[-_]?key|apikey|key|token|secret|passw(?:or)?d|pwd|credentials?|authorization)|\w*(?:Key|Token|Secret)"
)
"""Members of the request's body with a secret."""

MASK = re.compile(r"[*xX.\-_ ]*")
LEFT_OUT = re.compile(r"(?i)[\W_]*(?:redacted|filtered|scrubbed|sanitized|removed|masked|hidden|x{4,}|\*{4,})[\W_]*")
"""Values that stand for what a recorder was told not to record."""
LONGEST_LEFT_OUT: Final = 100
MOST_SECRETS: Final = 32
LONGEST_SECRET: Final = 16 * 1024
"""Bounds on what is searched for, in many encodings, in the bodies: no exchange has as many secrets."""


class Secrets(NamedTuple):
    """What to search for in both messages: the keys of the request, and other values that are nobody's business.

    `is_key_unknown`: the request may have had a key that the recorder left out or masked.
    """

    keys: tuple[str, ...]
    others: tuple[str, ...]
    is_key_unknown: bool = False


def is_secret(name: str) -> bool:
    """Whether a header field may hold a secret, and is masked."""
    parts = PART.split(name.lower())
    return any(part in SECRET_WORDS or part.endswith(SECRET_ENDS) for part in parts)


def is_stand_in(value: str) -> bool:
    """Whether a value stands for one that the recorder was told not to record."""
    return len(value) <= LONGEST_LEFT_OUT and bool(LEFT_OUT.fullmatch(value))


def parameters(text: str) -> Iterator[re.Match[str]]:
    """The query parameters with secrets in a text with URLs: what is before the value, the name, and the value."""
    return (found for found in PARAMETER.finditer(text) if SECRET_PARAMETER.fullmatch(found[2]))


def secrets_of(url: str, sent: Fields, received: Fields, body: Any, *, filters: bool) -> Secrets:
    """The credentials of one exchange. `url`: or the request target. `body`: the request's, parsed. `filters`: whoever
    recorded may have left header fields out.

    Keys and passwords are searched for unless they are placeholders ("openai", "gpt-4o"); what else has the name of a
    secret, only if it is random.
    """
    keys = [each for name, value in sent if name.lower() in KEY_FIELDS for each in credentials(value)]
    queried = [(found[2], unquote(found[3])) for found in parameters(url)]
    keys += [value for name, value in queried if KEY_PARAMETER.fullmatch(name) and redact.is_random(value)]
    declared = [each for name, value in sent if name.lower() in LOGIN_FIELDS for each in credentials(value)]
    declared += [unquote(found[2]) for found in USER.finditer(url)]
    loose = [value for _, value in queried]
    loose += [each for name, value in (*sent, *received) for each in _loose(name, value)]
    loose += _members(body)
    model = body.get("model") if isinstance(body, dict) else None
    plain = [value for value in keys if not (MASK.fullmatch(value) or is_stand_in(value))]
    return Secrets(
        keys=_distinct(value for value in keys if is_key(value) and (value != model or redact.is_random(value))),
        others=_distinct((*filter(is_key, declared), *filter(redact.is_random, loose))),
        is_key_unknown=not plain and (filters or bool(keys)),
    )


def credentials(value: str) -> Iterator[str]:
    """The credentials in the value of Authorization: without their schemes, and passwords decoded (RFC 7617)."""
    for each in NEXT_CREDENTIAL.split(value):
        bare = SCHEME.sub("", each.strip(), count=1)
        yield bare
        if each.strip().lower().startswith("basic "):
            yield from _passwords(bare)


def _passwords(basic: str) -> Iterator[str]:
    try:
        user, colon, password = base64.b64decode(basic + "===").decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        return
    yield password if colon and password else user


def _loose(name: str, value: str) -> Iterator[str]:
    """The values in a header field that are credentials, if they look so."""
    folded = name.lower()
    if "cookie" in folded:
        pairs = value.split(";", 1)[:1] if folded.startswith("set-") else value.split(";")
        yield from (pair.partition("=")[2].strip().strip('"') for pair in pairs)
    elif folded in ADDRESS_FIELDS:
        yield from (unquote(found[3]) for found in parameters(value))
        yield from (unquote(found[2]) for found in USER.finditer(value))
    elif is_secret(name) and not PUBLIC_FIELD.search(name):
        yield from credentials(value)


def _members(value: Any) -> Iterator[str]:
    """The values of members called like secrets, anywhere in a JSON value."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, dict):
            waiting += found.values()
            yield from (v for name, v in found.items() if isinstance(v, str) and SECRET_MEMBER.fullmatch(name))
        elif isinstance(found, list):
            waiting += found


def is_key(value: str) -> bool:
    """Whether the value of a key is none of the placeholders that other texts hold by chance.

    A short word without a digit ("openai", "dummy") is one, and so is what the APIs' own schemas have.
    """
    is_long = len(value) >= redact.MIN_VALUE_LENGTH or (
        len(value) >= redact.MIN_LENGTH and any(map(str.isdigit, value))
    )
    return is_long and not MASK.fullmatch(value) and value not in protocol_words()


def _distinct(values: Iterable[str]) -> tuple[str, ...]:
    short = (value.strip() for value in values if len(value) <= LONGEST_SECRET)
    return tuple(dict.fromkeys(short))[:MOST_SECRETS]
