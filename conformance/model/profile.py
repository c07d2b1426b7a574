"""The profile: how one framework speaks."""

from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from typing import Any, NamedTuple

from conformance.model.exchange import Api, Mode

Body = dict[str, Any]
Headers = tuple[tuple[str, str], ...]
KEY = "{key}"
MODEL = "{model}"
WRONG_KEY = "wrong-key-0123456789-of-nobody"
"""What is sent where a key that no target knows is wanted: a constant, never made from the real one."""


class Recorded(NamedTuple):
    """A greeting as the framework sends it: headers in order, and the body."""

    headers: Headers
    body: Body


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a framework sends, captured from the real one.

    `requests` gives the plain greeting turn per mode: headers in the framework's order, without Host and
    Content-Length, in which `{key}` stands for the API key, and a body in which `{model}` stands for the model's name.
    `packages` are those that it was captured from, by name and version; a name on npm begins with `npm:`. `framework`
    marks those that stand for a framework; the others are the bare SDK that asks the API's own questions.
    """

    name: str
    title: str
    api: Api
    packages: tuple[tuple[str, str], ...]
    captured: str
    streams_by_default: bool
    requests: Mapping[Mode, Recorded]
    framework: bool = True
    query: str = ""

    @property
    def versions(self) -> str:
        """The packages with their versions, for people."""
        return ", ".join(" ".join(package) for package in self.packages)

    def headers(self, mode: Mode) -> Headers:
        """The headers of the greeting."""
        return self.requests[mode].headers

    def body(self, mode: Mode) -> Body:
        """The body of the greeting, to be changed at will."""
        return deepcopy(self.requests[mode].body)
