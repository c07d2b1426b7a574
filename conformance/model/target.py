"""The target: a deployment under test, and what its owner says of it."""

from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from conformance.model.exchange import Api

Streaming = Literal["required", "stopgap-ok"]
UnknownFields = Literal["reject", "announce", "allow"]

DEFAULT_PATHS: dict[Api, str] = {"chat": "/chat/completions", "messages": "/messages", "responses": "/responses"}


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What the target's owner promises.

    `streaming`: whether a declared refusal (501) of streaming is accepted for now. `unknown_fields`: what the target
    does with fields that it does not know; none where the owner has not said. `fields`: the same for fields whose
    names match a pattern (`*` and `?`), the first that does.
    """

    streaming: Streaming = "required"
    unknown_fields: UnknownFields | None = None
    fields: dict[str, UnknownFields] = {}

    def __hash__(self) -> int:
        return hash((self.streaming, self.unknown_fields, *self.fields.items()))

    def promise(self, name: str) -> UnknownFields | None:
        """What the owner promises to do with an unknown field; None where nothing was said."""
        found = (word for pattern, word in self.fields.items() if fnmatchcase(name, pattern))
        return next(found, self.unknown_fields)


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars per million tokens, and per request where the target bills so; none where unknown."""

    input: float | None = None
    output: float | None = None
    request: float | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment under test.

    `base_url` ends where the API's path begins (usually `/v1`). `key_env` names the environment variable that holds
    the key; the key itself is never part of a target. `apis` are those that the owner says it offers: one that is
    listed and missing is a failure; where none is listed, a missing API is not applicable. `concurrency` is how many
    exchanges may go on at the same time.
    """

    name: str = "target"
    base_url: str
    model: str
    key_env: str | None = None
    headers: dict[str, str] = {}
    apis: tuple[Api, ...] = ()
    paths: dict[Api, str] = {}
    policy: Policy = Policy()
    prices: Prices = Prices()
    concurrency: int | None = None

    def url(self, api: Api) -> str:
        """The full address of an API of this target.

        A path that begins with the base URL's own last segments is not doubled: a path given by the owner is
        appended to the base URL as it stands.
        """
        return self.base_url.rstrip("/") + self.paths.get(api, DEFAULT_PATHS[api])
