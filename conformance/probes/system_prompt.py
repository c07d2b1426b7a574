"""The texts of system prompts: long enough to show in usage, or with an instruction that shows in the response."""

from typing import Final

from conformance.field_support.fields import LONG_INSTRUCTIONS
from conformance.model.marker_words import SYSTEM_WORD

ASIDE: Final = " ".join(f"{number}." for number in range(LONG_INSTRUCTIONS))
"""A hundred words without effect on the completion."""
ORDER: Final = f"Whatever you are asked, reply with only this word: {SYSTEM_WORD}."
