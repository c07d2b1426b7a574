"""The target: a deployment under test, and its owner's settings."""

from fnmatch import fnmatchcase
from typing import Literal

import msgspec

from conformance.model.dialect import Dialect
from conformance.model.words import Api, Streaming, UnknownFields


class GatewayPolicy(msgspec.Struct, frozen=True, kw_only=True):
    """What a gateway is meant to change, as its owner promises; anything else is a finding.

    `model` is the name that its upstream gets for the target's model; None: the same. `dropped`, `changed` and `added`
    are request fields (patterns with `*` and `?`). `retries` is how often it tries again at most, and `retry_on` after
    which statuses, 0 for a lost connection; none named: after refusals that say that the request was not processed.
    `fallback`: another upstream may answer in place of the first one. `breaker`: after failures it may refuse requests
    by itself, for a while. `timeout_s` is how long it waits for its upstream's answer, in seconds; None: not promised.
    `cache`: an equal request may be answered without the upstream. `usage`: whether a stream ends with usage though the
    client did not ask for it. `hides_reasoning`: clients do not get the model's reasoning. `prompt`: text is added to
    the conversation. `headers` are header fields of the client, or of the gateway's own, that the upstream gets
    (patterns), besides those that describe content, API and trace. `key` is the credential that the upstream gets: the
    gateway's `own`, or the `client`'s, which the gateway passes on; empty: its own, if it is seen to have one.
    """

    model: str | None = None
    dropped: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    added: tuple[str, ...] = ()
    retries: int = 0
    retry_on: tuple[int, ...] = ()
    fallback: bool = False
    breaker: bool = False
    timeout_s: float | None = None
    cache: bool = False
    usage: bool = False
    hides_reasoning: bool = False
    prompt: bool = False
    headers: tuple[str, ...] = ()
    key: Literal["", "own", "client"] = ""


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The behaviour that the target's owner promises.

    `streaming`: whether a 501 response to streaming requests is accepted for now. `unknown_fields`: how the target
    handles unknown fields; None if not set. `fields`: the same for fields whose names match a pattern (`*` and `?`);
    the first match counts. `gateway`: what a target changes that is a gateway.
    """

    streaming: Streaming = "required"
    unknown_fields: UnknownFields | None = None
    fields: dict[str, UnknownFields] = {}
    gateway: GatewayPolicy = GatewayPolicy()

    def __hash__(self) -> int:
        return hash((self.streaming, self.unknown_fields, self.gateway, *self.fields.items()))

    def expected_behaviour(self, name: str) -> UnknownFields | None:
        """The promised handling of an unknown field; None if not set."""
        found = (word for pattern, word in self.fields.items() if fnmatchcase(name, pattern))
        return next(found, self.unknown_fields)


class Prices(msgspec.Struct, frozen=True, kw_only=True):
    """US dollars per million tokens, and per request if the target bills so; None if unknown."""

    input: float | None = None
    output: float | None = None
    request: float | None = None


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """A deployment under test.

    `base_url` is the part before the API's path (usually it ends in `/v1`). `key_env` names the environment variable
    that holds the key; the key itself is never part of a target. `apis` are those that the target must offer: a listed
    API that is missing is a failure; if none is listed, a missing API is not applicable. `concurrency` is the maximum
    number of concurrent requests. `dialect` is how the model has to be asked, by API, where the owner says so;
    otherwise a preflight finds out. `cacert` is a file of certificate authorities, instead of the usual ones;
    `insecure` accepts any certificate.
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
    dialect: dict[Api, Dialect] = {}
    cacert: str | None = None
    insecure: bool = False
