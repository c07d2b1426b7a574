"""The probe: one request with a purpose."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from conformance.model.case import CaseId, Compare, Kind, probe_name
from conformance.model.words import MODES, SUITES, Api, Mode, Sender, Suite

CONCURRENT_STAGE, BURST_STAGE = 0, 1
"""Stages with concurrent requests: most of a run, and the burst."""
OVERLOAD_STAGE = 100
"""The last stage, after the confirmations: what may occupy the target for long delays nothing else."""
WITHOUT_TEXT: Final = frozenset(
    (
        *(Kind.MISTAKE, Kind.WRONG_TYPE, Kind.OUT_OF_RANGE, Kind.UNKNOWN_FIELD),
        *(Kind.AUTH, Kind.OTHER_ROUTE, Kind.LOAD, Kind.CACHE),
    )
)
"""Kinds of requests whose completion is not looked at: their caps stay small on a model that reasons."""


class RawRequest(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of a request that differ from a POST of a JSON body.

    `path` is appended to the base URL, or with `at_root` to its host; `query` is added to the URL's query; a header set
    to None is removed; `body` is the body in bytes, after `padding` spaces. In path and body `{model}` stands for the
    model's name.
    """

    method: str = "POST"
    path: str | None = None
    at_root: bool = False
    query: str = ""
    headers: tuple[tuple[str, str | None], ...] = ()
    body: bytes | None = None
    padding: int = 0


class SocketTurn(NamedTuple):
    """What the harness sends in one turn over a WebSocket; the other fields are those of `Turn`."""

    event: dict[str, Any]
    continues: int | None = None
    patience_s: float | None = None


class Probe(msgspec.Struct, frozen=True, kw_only=True):
    """One request with a purpose.

    `kind`, `subject`, `variant` and `repeat` are those of its test cases (CaseId). `purpose` is one sentence. It is
    sent as every selected framework, with its body and headers, or once as the API's SDK (`sent_by`). `build_body`
    turns the baseline body into the probe's body (a JSON value); `raw` replaces method, path, headers or the bytes of
    the body. `suite` is the smaller of `gate` and `full` that includes it. `smoke_suite_modes` are its modes in the
    suite `smoke`, `field_suite_modes` those in `fields`, which tests the support of one request field. `max_tokens` is
    the upper bound of completion tokens that one request can cost. `never_merge`: always send it, even if an equal
    request exists: repeats show how much the target's responses vary.

    Stages run in sequence: most probes are sent together (0), a burst concurrently (1), those of later stages one at a
    time with no other request in flight. `disconnect_after_events`: the harness disconnects after this many events (0:
    as soon as the request is sent), `disconnect_after_s`: so many seconds after the request is sent, if the response is
    not complete by then; what comes first counts. `reuse_connection`: the request is sent twice over one connection,
    and the second exchange is recorded.

    A probe with a `script` is sent through a gateway alone, in whose upstream the script of that name answers; `suite`
    is then the smallest suite of such a run. After a fault that `is_followed` a usual request shows whether the gateway
    has given up on its upstream. Probes of one API with the same `nonce_group` have one nonce, so that their requests
    can be equal; they have one script and belong to stages in which requests are sent one at a time.

    A probe that `follows` cases of its API and mode is the next request after them: `build_next` turns the recorded
    exchanges into its body, into a RawRequest whose path is appended to the API's, into turns over a WebSocket, or into
    None if there is nothing to send; its other facts are those of the first one's request.

    A probe with `build_turns` asks for a WebSocket, and what it says there is built from the baseline body.
    """

    api: Api
    kind: Kind
    subject: str = ""
    variant: str = ""
    repeat: int = 0
    purpose: str
    sent_by: Sender = "sdk"
    modes: tuple[Mode, ...] = MODES
    build_body: Callable[[dict[str, Any], Mode], Any] | None = None
    follows: tuple[Compare, ...] = ()
    build_next: Callable[..., Any] | None = None
    build_turns: Callable[[dict[str, Any]], tuple[SocketTurn, ...]] | None = None
    raw: RawRequest | None = None
    suite: Suite = "gate"
    smoke_suite_modes: tuple[Mode, ...] = ()
    field_suite_modes: tuple[Mode, ...] = ()
    max_tokens: int = 32
    never_merge: bool = False
    stage: int = CONCURRENT_STAGE
    disconnect_after_events: int | None = None
    disconnect_after_s: float | None = None
    reuse_connection: bool = False
    script: str = ""
    nonce_group: str = ""
    is_followed: bool = True

    @property
    def shows_text(self) -> bool:
        """Whether the response must show text; otherwise it only shows whether the request is accepted."""
        return self.kind not in WITHOUT_TEXT

    @property
    def name(self) -> str:
        """Its name, for people: `chat.hello`, `chat.wrong-type.stream_options`."""
        return probe_name(self.api, self.kind, self.subject, self.variant, self.repeat)

    def case(self, profile: str, mode: Mode) -> CaseId:
        """Its test case as a profile, in a mode."""
        return CaseId(self.api, profile, mode, self.kind, self.subject, self.variant, self.repeat)

    @property
    def smallest_suite(self) -> Suite:
        """The smallest suite that includes it."""
        return next((suite for suite in SUITES if self.modes_in(suite)), self.suite)

    def modes_in(self, suite: Suite) -> tuple[Mode, ...]:
        """Its modes in a suite; empty if the suite does not include it, or it is sent through a gateway alone."""
        if self.script:
            return ()
        if suite == "fields":
            return self.field_suite_modes
        if suite == "smoke":
            return self.smoke_suite_modes
        if suite == "fuzz":
            return self.modes if self.kind is Kind.BASELINE else ()
        if suite in ("recordings", "load"):
            return ()
        return self.modes if SUITES.index(self.suite) <= SUITES.index(suite) else ()
