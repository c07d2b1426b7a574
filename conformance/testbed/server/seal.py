"""Sealed reasoning: what a client may carry to the next turn, but neither read nor change."""

import base64
import binascii
import hashlib

DIGEST = 12
"""Bytes of the digest that shows a change."""


def seal(text: str) -> str:
    """The text as a signature or as encrypted content; the same for the same text."""
    raw = text.encode()
    return base64.b64encode(hashlib.sha256(raw).digest()[:DIGEST] + raw).decode()


def unseal(sealed: str) -> str | None:
    """The sealed text, or None if it was changed or never sealed."""
    try:
        raw = base64.b64decode(sealed, validate=True)
        text = raw[DIGEST:].decode()
    except (binascii.Error, ValueError):
        return None
    return text if seal(text) == sealed else None
