"""Rewrite the requests of the harness's own probes for the dialect of the model behind a target."""

import re
from typing import Any

from conformance.apis.specs import caps, spec
from conformance.model.dialect import Dialect
from conformance.model.words import Api


def in_dialect(body: Any, api: Api, dialect: Dialect, *, subject: str, shows_text: bool) -> Any:
    """The body as the model has to be asked: its cap renamed and, if the response must show text, raised.

    Refused parameters are left out, a cap that has no other name, too. What the probe tests, its `subject`, stays as
    it is.
    """
    if not isinstance(body, dict):
        return body
    sent = [name for name in caps(api) if body.get(name) is not None]
    renamed = {}
    if len(sent) == 1 and subject != sent[0]:
        cap_field = dialect.cap_field or sent[0]
        renamed = {sent[0]: cap_field, cap_field: sent[0]}
    adapted: dict[str, Any] = {}
    for name, value in body.items():
        if renamed.get(name) in dialect.refused:
            continue  # the target takes no cap at all
        if name in renamed:
            adapted[renamed[name]] = _raised(value, dialect, dialect.least_cap - 1 if shows_text else 0)
        elif name in sent:
            adapted[name] = _raised(value, dialect)
        elif name not in dialect.refused or name == subject.partition(".")[0]:
            adapted[name] = value
    return adapted


def _raised(cap: Any, dialect: Dialect, reasoning: int = 0) -> Any:
    """A cap that the target accepts, and that leaves as many tokens for the text as it would without reasoning."""
    is_cap = isinstance(cap, int) and not isinstance(cap, bool) and cap > 0
    return max(dialect.min_cap, cap + reasoning) if is_cap else cap


def raw_in_dialect(body: bytes, api: Api, dialect: Dialect) -> bytes:
    """A body in bytes with its cap renamed, and raised to one that the target accepts."""
    generation = spec(api).generation
    if generation is None:
        return body
    usual = generation.cap
    name = f'"{dialect.cap_field or usual}"'.encode()
    renamed = body.replace(f'"{usual}"'.encode(), name)
    return re.sub(
        rb"(%b\s*:\s*)([0-9]{1,9})(?=\s*[,}])" % re.escape(name),
        lambda cap: cap[1] + str(_raised(int(cap[2]), dialect)).encode(),
        renamed,
    )
