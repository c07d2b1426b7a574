"""Words by which one response is recognised inside another: probes request them, planted defects leak them."""

BURST_WORDS = (
    *("amaranth", "bergamot", "calabash", "damselfly", "eiderdown", "feldspar", "gossamer", "hornbeam"),
    *("ibisbill", "jacaranda", "kingcup", "lapwing", "marjoram", "nightjar", "oxlip", "pangolin"),
)
"""One for each request of a burst: rare, and unlike each other in every token."""

SYSTEM_WORD = "kestrel"
"""Requested only by a system prompt."""

ABANDONED_WORD = "quokka"
"""Requested only by the client that disconnects."""

CACHED_PREFIX = "The lamps of the harbour are numbered as follows:"
"""The first words of the prefix of two equal requests, which a target may cache."""
