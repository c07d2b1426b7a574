"""Legal variants of caching: prefixes are cached."""

from conformance.testbed.mutations.defects.use_cache import counting, in_details, written
from conformance.testbed.mutations.mutate_chat import variant

VARIANTS = (
    variant(
        "prefixes-cached",
        "Long prefixes are cached, and their tokens counted as cached in every other request",
        counting(of_chat=in_details, of_messages=written),
    ),
)
