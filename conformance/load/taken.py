"""What is passed on of an exchange of a load test."""

import msgspec

from conformance.model.sample import Sample
from conformance.storage.metadata import Packed


class Taken(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is passed on of an exchange: its sample, what new names in it stand for, and its bytes, if they are kept.

    `is_skipped`: the rules did not judge it, as the harness is behind and it looks like others.
    """

    sample: Sample
    shapes: dict[str, tuple[str, ...]] = {}
    exchange: Packed | None = None
    is_skipped: bool = False
