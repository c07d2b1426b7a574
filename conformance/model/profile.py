"""The profile: the requests of one framework."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec

from conformance.model.words import Api, Mode

Body = dict[str, Any]
Headers = tuple[tuple[str, str], ...]
KEY = "{key}"
MODEL = "{model}"
WRONG_KEY = "wrong-key-0123456789-of-nobody"
"""A key that no target accepts: a constant, never derived from the real one."""


class RecordedRequest(NamedTuple):
    """A baseline request as the framework sends it: headers in order, and the body."""

    headers: Headers
    body: Body


class Profile(msgspec.Struct, frozen=True, kw_only=True):
    """Requests captured from the real framework.

    `requests` gives the baseline request per mode of the API: headers in the framework's order, without Host and
    Content-Length, in which `{key}` stands for the API key, and a body in which `{model}` stands for the model's name.
    `packages` are those that it was captured from, by name and version; an npm package has the prefix `npm:`.
    `framework` is false for an SDK that only sends the probes of the API itself.
    """

    name: str
    title: str
    api: Api
    packages: tuple[tuple[str, str], ...]
    captured: str
    streams_by_default: bool
    requests: Mapping[Mode, RecordedRequest]
    framework: bool = True
    query: str = ""

    @property
    def versions(self) -> str:
        """The packages with their versions, for display."""
        return ", ".join(" ".join(package) for package in self.packages)

    def headers(self, mode: Mode) -> Headers:
        """The headers of the baseline request."""
        return self.requests[mode].headers

    def body(self, mode: Mode) -> Body:
        """A copy of the body of the baseline request; the caller may modify it."""
        body: Body = msgspec.json.decode(msgspec.json.encode(self.requests[mode].body))
        return body
