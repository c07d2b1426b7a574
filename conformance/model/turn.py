"""One turn over a WebSocket: what the client sends, and which events of the server belong to it."""

from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

LONGEST_ID: Final = 200
"""Characters of an id that is sent back; those of real servers have about 60."""
ENDS: Final = ("response.completed", "response.incomplete", "response.failed")
"""The events that end the response of a turn."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One turn to send: the client's event as JSON.

    `continues` is the number of an earlier turn, counted from 0: the id of its response becomes this one's
    `previous_response_id`. A turn that needs no generation may be ignored: after `patience_s` without its end, the
    harness goes on as if it were over.
    """

    event: bytes
    continues: int | None = None
    patience_s: float | None = None


@dataclass(slots=True)
class TurnsSeen:
    """Sorts a connection's events into turns, as they arrive.

    A turn ends with its response, or with an error. What does not begin the next turn belongs to the one before: the
    vendor's own events, a message that is no event, and the `response.failed` that follows an error. `ids` are those of
    the responses that have ended, one a turn, and empty where a client could not send it back. `is_begun`: a turn has
    events of its response, and no end.
    """

    ids: list[str] = field(default_factory=list)
    is_begun: bool = False
    _is_after_error: bool = False

    @property
    def ended(self) -> int:
        """The number of turns that have ended."""
        return len(self.ids)

    def take(self, event: Any) -> int:
        """The number of the turn, counted from 0, that an event belongs to: a JSON value, or any other message."""
        now, kind = self.ended, event.get("type") if isinstance(event, dict) else None
        is_error = kind == "error" or (isinstance(event, dict) and kind is None and bool(event.get("error")))
        is_late = kind == "response.failed" and self._is_after_error
        is_own = isinstance(kind, str) and not is_error and not kind.startswith("response.")
        if not self.is_begun and (not isinstance(event, dict) or is_late or is_own):
            return max(0, now - 1)
        self.is_begun = not (is_error or kind in ENDS)
        if not self.is_begun:
            self.ids.append("" if is_error else _id_of(event))
            self._is_after_error = is_error
        return now


def _id_of(event: dict[str, Any]) -> str:
    response = event.get("response")
    return usable_id(response.get("id")) if isinstance(response, dict) else ""


def usable_id(name: object) -> str:
    """An id that a client can send back, or empty."""
    is_usable = isinstance(name, str) and name.isascii() and name.isprintable() and len(name) <= LONGEST_ID
    return str(name) if is_usable else ""
