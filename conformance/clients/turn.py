"""The turn: how a client's own code handles one response, and the exceptions that it would raise."""

import json
import re
from dataclasses import dataclass, replace
from typing import Any, Literal

from conformance.model.impact import Outcome

Kind = Literal[
    "connection",  # no response: connection refused, reset, closed, or not HTTP
    "hang",  # the client waits until its timeout
    "cut",  # the connection ended before the body did
    "reset",  # the connection was reset inside the body
    "coding",  # the Content-Encoding can't be decoded
    "status",  # the response is an HTTP error
    "api",  # the stream carries an error object
    "json",  # something is not JSON
    "unicode",  # something is not UTF-8
    "type",  # the client's code can't handle the type of a value
    "shape",  # a value, key or index that the client's code relies on is missing
    "invalid",  # the framework itself rejects the data
]

THOUGHTS = re.compile(r"<think>.*?</think>", re.DOTALL | re.IGNORECASE)


class ClientError(Exception):
    """What the client's code would raise.

    `status` is the HTTP status of an error response, `server_message` the message in its error object.
    """

    def __init__(self, kind: Kind, message: str = "", status: int = 0, server_message: str = "") -> None:
        super().__init__(message)
        self.kind: Kind = kind
        self.message = message
        self.status = status
        self.server_message = server_message


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedToolCall:
    """One tool call as the client assembled it. `arguments` is text, or whatever else the server sent."""

    name: Any = None
    arguments: Any = ""
    id: Any = None

    @property
    def callable(self) -> bool:
        """Whether a framework can call the tool: a name, and a JSON object as text."""
        if not (isinstance(self.name, str) and self.name and isinstance(self.arguments, str)):
            return False
        try:
            return isinstance(json.loads(self.arguments or "{}"), dict)
        except (ValueError, RecursionError):
            return False


@dataclass(frozen=True, slots=True, kw_only=True)
class DecodedResponse:
    """One response as the client read it.

    `seen`: an event or object reached the client; `ended`: it saw the end of the completion (a finish reason or the
    end marker); `text_after_end`: text arrived after that. `error` is what was finally raised.
    """

    text: str = ""
    tools: tuple[DecodedToolCall, ...] = ()
    finish: str = ""
    seen: bool = False
    ended: bool = False
    text_after_end: bool = False
    has_reasoning: bool = False
    error: ClientError | None = None

    @property
    def visible(self) -> str:
        """The text that a user would see: stripped, without <think> blocks."""
        return THOUGHTS.sub("", self.text).strip()

    def with_error(self, error: ClientError) -> "DecodedResponse":
        """The same turn, ended by an exception."""
        return replace(self, error=error)


def outcome_of(turn: DecodedResponse) -> Outcome:
    """The outcome for the user of a client that forwards what it decodes at once."""
    if turn.error is not None and turn.error.kind == "hang":
        return "hang"
    if turn.error is not None:
        return "partial_text+exception" if turn.text else "exception"
    if turn.tools:
        return "tool_ok" if all(tool.callable for tool in turn.tools) else "tool_bad"
    if not turn.text:
        return "empty_silent"
    if not turn.ended:
        return "partial_text"
    return "text+" if turn.text_after_end else "text"


def as_text(value: Any, limit: int = 500) -> str:
    """A value as Python prints it, shortened to `limit` characters."""
    try:
        return repr(value)[:limit]
    except (RecursionError, ValueError):
        return "..."
