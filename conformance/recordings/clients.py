"""Which framework sent a recorded request, and whether it is older than the captured profile. Pure."""

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, NamedTuple

from conformance.apis.request import request_body
from conformance.model.exchange import Exchange
from conformance.model.profile import Profile
from conformance.model.words import Api
from conformance.parsing.json_values import as_array, as_object, as_string
from conformance.profiles.recording import recorded

PRODUCT: Final = re.compile(r"(?:Async)?([A-Za-z][\w.@-]*(?:/[A-Za-z][\w.@-]*)*)[/ ]v?(\d+(?:\.\d+)*)")
"""The first product of a User-Agent, and its version: `OpenAI/Python 2.7.0`, `ai-sdk/openai/3.0.1`."""


class Sender(NamedTuple):
    """Who sent a request: the product of its User-Agent, its version, and the framework, each empty if not known.

    `captured` is the product's version in the captured profiles, empty if there is none.
    """

    product: str = ""
    version: str = ""
    framework: str = ""
    captured: str = ""

    @property
    def is_older(self) -> bool:
        """Whether it is older than the captured one, so that the client models may not hold for it."""
        return bool(self.version and self.captured) and version_numbers(self.version) < version_numbers(self.captured)


def sender(x: Exchange, client: str) -> Sender:
    """Who sent an exchange's request, by its User-Agent and the names of its tools.

    Several frameworks send with one SDK. A framework is named if it alone sends this product, or if the request offers
    the very tools of the captured one.
    """
    product, version = product_of(client)
    captured = _products().get((x.api, product.lower()), {})
    framework = _by_tools().get((x.api, frozenset(_tools(request_body(x)))), "")
    if not framework and len(captured) == 1:
        framework = next(iter(captured))
    newest = max(captured.values(), key=version_numbers, default="")
    return Sender(product, version, framework, captured.get(framework, newest))


def product_of(client: str) -> tuple[str, str]:
    """The first product of a User-Agent and its version, each empty if it names none."""
    found = PRODUCT.match(client)
    return (found[1], found[2]) if found else ("", "")


@cache
def _products() -> Mapping[tuple[Api, str], Mapping[str, str]]:
    """The products of each API's captured profiles, in lower case: each framework's version of it, by its title."""
    found: dict[tuple[Api, str], dict[str, str]] = {}
    for profile, client in _clients():
        product, version = product_of(client)
        found.setdefault((profile.api, product.lower()), {})[profile.title] = version
    return found


def _clients() -> Iterator[tuple[Profile, str]]:
    """The captured profiles, each with the User-Agents of its requests."""
    for profile in recorded():
        for request in profile.requests.values():
            yield from ((profile, value) for name, value in request.headers if name.lower() == "user-agent")


@cache
def _by_tools() -> Mapping[tuple[Api, frozenset[str]], str]:
    """The frameworks whose requests offer tools of their own, by API and the tools' names."""
    offered = {
        (profile.api, frozenset(_tools(request.body))): profile.title
        for profile in recorded()
        for request in profile.requests.values()
    }
    return {key: title for key, title in offered.items() if len(key[1]) > 1}


def _tools(body: Any) -> Iterable[str]:
    """The names of the tools that a request offers."""
    for tool in as_array(as_object(body).get("tools")):
        one = as_object(tool)
        yield as_string(as_object(one.get("function")).get("name")) or as_string(one.get("name")) or ""


def version_numbers(version: str) -> tuple[int, ...]:
    """A version as numbers, to be compared."""
    return tuple(map(int, version.split(".")))
