"""Long requests, whose bodies must arrive whole. Each is sent alone: what arrives without a nonce is then its own."""

import re
from functools import cache
from typing import Any, Final

from conformance.apis.specs import spec
from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import THROUGH_GATEWAYS, Api, Mode, Suite
from conformance.probes.baseline import Change, token_cap, user_message

STAGE: Final = 2
SIZES: Final[dict[str, tuple[int, Suite]]] = {
    "size-2k": (2_000, "full"),
    "size-64k": (64_000, "full"),
    "size-1m": (1_000_000, "gate"),
}
"""Bytes of text, by subject, and the smallest suite that sends it."""
LINE: Final = "{:08} The lamps of the harbour are green, \u00e9t\u00e9 \u6771\u4eac.\n"


@cache
def text(size: int) -> str:
    """A text of about so many bytes, of numbered lines: what is missing shows."""
    lines = size // len(LINE.format(0).encode())
    return "".join(LINE.format(at) for at in range(lines))


@cache
def one_word(size: int) -> str:
    """As `text`, as one word: the upstream's model would take long to embed many."""
    return re.sub(r"\W", "_", text(size))


def _long(api: Api, size: int) -> Change:
    """One long user message, with the marker in front, too: it is found in a body whose end is missing."""
    long = text if spec(api).generation else one_word

    def change(body: dict[str, Any], _mode: Mode) -> Any:
        prompt = user_message(api, f"{{marker}}\n{long(size)} Say hello. ({{marker}})")
        return prompt | {name: value for name, value in body.items() if name not in prompt} | token_cap(api, 64)

    return change


PROBES = tuple(
    Probe(
        api=api,
        kind=Kind.GATEWAY_CONTENT,
        subject=subject,
        purpose="A long body arrives whole.",
        script="native-sse",
        modes=("unary",),
        suite=suite,
        build_body=_long(api, size),
        max_tokens=64,
        stage=STAGE,
    )
    for api in THROUGH_GATEWAYS
    for subject, (size, suite) in SIZES.items()
)
