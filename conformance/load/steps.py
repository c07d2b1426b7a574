"""The search for the highest number of users at which all MUST rules hold. Pure."""

from collections.abc import Mapping
from typing import Final

FIRST: Final = 2
"""With one user, no requests are concurrent."""
PRECISION: Final = 8
"""The search ends when it is exact to this part of the number."""


def next_step(tried: Mapping[int, bool], most: int) -> int | None:
    """The number of users to try next, after others did or did not hold; None when the search is over.

    It doubles until a number does not hold, and then halves the distance.
    """
    fails = min((users for users, holds in tried.items() if not holds), default=None)
    good = max((users for users, holds in tried.items() if holds and (fails is None or users < fails)), default=0)
    if fails is None:
        following = min(max(FIRST, 2 * good), most)
        return following if following > good else None
    if good == 0 or fails - good <= max(1, fails // PRECISION):
        return None
    return (good + fails) // 2
