"""The probe: one request with a purpose."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from conformance.model.exchange import MODES, Api, Mode

CONCURRENT_STAGE, BURST_STAGE = 0, 1
"""Stages with concurrent requests: most of a run, and the burst."""

Suite = Literal["smoke", "gate", "full", "fields", "fuzz"]
Sender = Literal["framework", "sdk"]
SUITES: tuple[Suite, ...] = ("smoke", "gate", "full", "fields")
"""Each of the first three includes the previous one; `fields` tests only the support of each request field.

`fuzz` can't be selected: it has the baseline requests, and generated cases follow them.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """The parts of a request that differ from a POST of a JSON body.

    `path` is appended to the base URL, or with `at_root` to its host; a header set to None is removed; `body` is the
    body in bytes. In path and body `{model}` stands for the model's name.
    """

    method: str = "POST"
    path: str | None = None
    at_root: bool = False
    headers: tuple[tuple[str, str | None], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One request with a purpose.

    `name` is `api.topic` or `api.topic.about`. `purpose` is one sentence. `asker`: it is sent as every selected
    framework, with its body and headers, or once as the API's SDK. `change` turns the baseline body into the probe's
    body (a JSON value); `raw` replaces method, path, headers or the bytes of the body. `suite` is the smaller of `gate`
    and `full` that includes it. `of_smoke` are its modes in the suite `smoke`, `of_fields` those in `fields`, which
    tests the support of one request field. `max_tokens` is the upper bound of completion tokens that one request can
    cost. `apart`: always send it, even if an equal request exists: repeats show how much the target's responses vary.

    Stages (`turn`) run in sequence: most probes are sent together (0), a burst concurrently (1), those of later stages
    one at a time with no other request in flight. `hang_up`: the harness disconnects after this many events (0: as
    soon as the request is sent). `kept`: the request is sent twice over one connection, and the second exchange is
    recorded.
    """

    name: str
    purpose: str
    api: Api
    asker: Sender = "sdk"
    modes: tuple[Mode, ...] = MODES
    change: Callable[[dict[str, Any], Mode], Any] | None = None
    raw: RawRequest | None = None
    suite: Suite = "gate"
    of_smoke: tuple[Mode, ...] = ()
    of_fields: tuple[Mode, ...] = ()
    max_tokens: int = 32
    apart: bool = False
    turn: int = CONCURRENT_STAGE
    hang_up: int | None = None
    kept: bool = False

    @property
    def smallest_suite(self) -> Suite:
        """The smallest suite that includes it."""
        return next((suite for suite in SUITES if self.modes_in(suite)), self.suite)

    def modes_in(self, suite: Suite) -> tuple[Mode, ...]:
        """Its modes in a suite; empty if the suite does not include it."""
        if suite == "fields":
            return self.of_fields
        if suite == "smoke":
            return self.of_smoke
        if suite == "fuzz":
            return self.modes if self.name == f"{self.api}.hello" else ()
        return self.modes if SUITES.index(self.suite) <= SUITES.index(suite) else ()
