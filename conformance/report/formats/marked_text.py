"""Texts of a report as HTML: what is between backticks becomes code, and IDs of rules on the page become links."""

import re
from collections.abc import Collection
from typing import Final

from markupsafe import Markup, escape

RULE: Final = re.compile(r"\b([A-Z]+\d{3})\b")


def marked(text: str, known: Collection[str] = ()) -> Markup:
    """The text, escaped; a text with an odd number of backticks has no code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return _linked(text, known)
    codes = Markup("<code>{}</code>")
    return Markup().join(codes.format(part) if n % 2 else _linked(part, known) for n, part in enumerate(parts))


def _linked(text: str, known: Collection[str]) -> Markup:
    link = Markup('<a href="#{0}">{0}</a>')
    return Markup().join(link.format(part) if part in known else escape(part) for part in RULE.split(text))
