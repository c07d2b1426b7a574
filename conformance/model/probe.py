"""The probe: one question with a purpose."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from conformance.model.exchange import MODES, Api, Mode

TOGETHER, CROWD = 0, 1
"""Turns that many exchanges share: most of a run, and the crowd that comes all at the same time."""

Suite = Literal["smoke", "gate", "full", "fields", "fuzz"]
Asker = Literal["framework", "sdk"]
SUITES: tuple[Suite, ...] = ("smoke", "gate", "full", "fields")
"""The first three hold each other; `fields` asks what becomes of each request field, and of nothing else.

`fuzz` is no choice: it greets, and what more is asked nobody has written down.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Raw:
    """What a probe puts on the wire where a JSON body can't say it.

    `path` stands behind the base URL, or where `at_root` is set behind its host; a header changed to None is left out;
    `body` are the octets of the body. In path and body `{model}` stands for the model's name.
    """

    method: str = "POST"
    path: str | None = None
    at_root: bool = False
    headers: tuple[tuple[str, str | None], ...] = ()
    body: bytes | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question.

    `name` is `api.topic` or `api.topic.about`. `purpose` is one sentence. `asker`: every selected framework asks it
    with its own body and headers, or the API's bare SDK asks it once. `change` turns the asker's greeting body into
    the probe's body (a JSON value); `raw` replaces method, path, headers or the octets of the body where JSON
    can't say it. `suite` is the smaller of `gate` and `full` that asks it. `of_smoke` are the modes in which the suite
    `smoke` asks it, `of_fields` those in which `fields` does, which shows what becomes of one request field.
    `max_tokens` is the upper bound of completion tokens that one answer can cost. `apart`: it is asked for itself,
    though an equal request may be asked too: two equal requests show how much the target differs from itself.

    Turns are taken one after the other: most probes are asked together (0), a crowd at the same time (1), those of
    the later turns one at a time with nothing else under way. `hang_up`: the harness closes the connection once so
    many events have come (0: as soon as the request is sent). `kept`: the question is asked twice over one connection,
    and the second exchange is recorded.
    """

    name: str
    purpose: str
    api: Api
    asker: Asker = "sdk"
    modes: tuple[Mode, ...] = MODES
    change: Callable[[dict[str, Any], Mode], Any] | None = None
    raw: Raw | None = None
    suite: Suite = "gate"
    of_smoke: tuple[Mode, ...] = ()
    of_fields: tuple[Mode, ...] = ()
    max_tokens: int = 32
    apart: bool = False
    turn: int = TOGETHER
    hang_up: int | None = None
    kept: bool = False

    @property
    def smallest_suite(self) -> Suite:
        """The smallest suite that asks it."""
        return next((suite for suite in SUITES if self.modes_in(suite)), self.suite)

    def modes_in(self, suite: Suite) -> tuple[Mode, ...]:
        """The modes in which a suite asks it; none where it does not."""
        if suite == "fields":
            return self.of_fields
        if suite == "smoke":
            return self.of_smoke
        if suite == "fuzz":
            return self.modes if self.name == f"{self.api}.hello" else ()
        return self.modes if SUITES.index(self.suite) <= SUITES.index(suite) else ()
