"""The waiver: a known failure that a target's owner accepts, with a reason and an end date."""

from datetime import date
from fnmatch import fnmatchcase

import msgspec

from conformance.model.verdict import Verdict


class Waiver(msgspec.Struct, frozen=True, kw_only=True):
    """Covers the failures whose rule, profile, mode, api and probe match its patterns (`*` and `?`), until `until`."""

    rule: str
    reason: str
    until: date
    profile: str = "*"
    mode: str = "*"
    api: str = "*"
    probe: str = "*"
    link: str = ""
    owner: str = ""

    def covers(self, verdict: Verdict, today: date) -> bool:
        """Whether this waiver accepts that failure on that day."""
        return today <= self.until and all(
            fnmatchcase(getattr(verdict, name), getattr(self, name))
            for name in ("rule", "profile", "mode", "api", "probe")
        )
