"""An exchange of a load test after its sample is taken."""

import msgspec

from conformance.model.sample import Sample
from conformance.storage.metadata import Packed


class Sampled(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The sample of an exchange, what new names in it stand for, and the exchange itself, if its bytes are kept.

    `is_skipped`: the rules did not judge it, as the harness is behind and it looks like others.
    """

    sample: Sample
    shapes: dict[str, tuple[str, ...]] = {}
    exchange: Packed | None = None
    is_skipped: bool = False
