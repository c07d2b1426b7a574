"""The test case: one request with a purpose, sent as one profile, in one mode; and which cases a rule compares."""

from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from typing import Final

import msgspec

from conformance.model.words import APIS, Api, Mode


class Kind(StrEnum):
    """What a test case tests. The value is a part of the case's name in reports: `chat.hello`."""

    PREFLIGHT = "preflight"
    BASELINE = "hello"
    LONG_STREAM = "long"
    SHORT_STREAM = "short"
    BRIEF_STREAM = "brief"
    REPEAT = "twin"
    SEED = "seed"
    USAGE = "usage"
    CHOICES = "n"
    TOOLS = "tools"
    REPLAY = "tools.replay"
    REASONING = "reasoning"
    REASONING_REPLAY = "reasoning.replay"
    EFFECT = "witness"
    WRONG_TYPE = "wrong-type"
    OUT_OF_RANGE = "range"
    UNKNOWN_FIELD = "unknown-field"
    ACCEPTED_FORM = "form"
    MISTAKE = "mistake"
    FUZZ = "fuzz"
    RECORDED = "recorded"
    AUTH = "auth"
    OTHER_ROUTE = "sibling"
    MINIMAL_HEADERS = "bare"
    MODELS = "models"
    KEEP_ALIVE = "kept"
    BURST = "crowd"
    LOAD = "load"
    USERS = "users"
    DISCONNECT = "hang-up"
    AFTER_DISCONNECT = "after"
    RETRY = "retry"
    COUNT_TOKENS = "count"
    BETA_HEADER = "header-beta"
    BETA_FIELD = "beta"
    VERSION_HEADER = "header-version"
    METADATA = "metadata"
    PREVIOUS_RESPONSE = "previous"
    STORE = "store"
    STORED = "stored"
    CHAIN = "chain"
    BACKGROUND = "background"
    POLL = "poll"
    COMPACT = "compact"
    COMPACTED = "compacted"
    CACHE = "cache"
    WEBSOCKET = "websocket"
    API_DOCUMENT = "document"
    GATEWAY_FIELD = "gateway.field"
    GATEWAY_HEADER = "gateway.header"
    GATEWAY_VARIANT = "gateway.variant"
    GATEWAY_TURN = "gateway.turn"
    GATEWAY_CONTENT = "gateway.content"
    GATEWAY_DISCONNECT = "gateway.hang-up"
    GATEWAY_BURST = "gateway.burst"
    GATEWAY_REPEAT = "gateway.repeat"
    GATEWAY_CACHE = "gateway.cache"
    GATEWAY_FAULT = "gateway.fault"
    GATEWAY_AFTER = "gateway.after"
    GATEWAY_REFUSAL = "gateway.refusal"


WITH_VARIANTS: Final = frozenset((Kind.EFFECT, Kind.OUT_OF_RANGE, Kind.FUZZ, Kind.USERS, Kind.WEBSOCKET))
REPEATED: Final = frozenset((Kind.REPEAT, Kind.SEED, Kind.CACHE))
AGAIN: Final = "again"


class CaseId(msgspec.Struct, frozen=True, order=True, gc=False):
    """A test case.

    `subject` is the field, mistake or route that is tested; `variant` distinguishes cases of one subject; `repeat`
    counts the repetitions of a request that is sent several times.
    """

    api: Api
    profile: str
    mode: Mode
    kind: Kind
    subject: str = ""
    variant: str = ""
    repeat: int = 0

    @property
    def probe(self) -> str:
        """The name of its probe, for people: `chat.hello`, `chat.wrong-type.stream_options`."""
        return probe_name(self.api, self.kind, self.subject, self.variant, self.repeat)


@cache
def probe_name(api: Api, kind: Kind, subject: str = "", variant: str = "", repeat: int = 0) -> str:
    """The name of a probe; cached: a run's verdicts need it tens of thousands of times."""
    return ".".join(part for part in (api, kind, subject, variant, AGAIN if repeat else "") if part)


@cache
def named_case(probe: str, profile: str, mode: Mode) -> CaseId:
    """The test case with this probe's name. Raises ValueError."""
    name, _, rest = probe.partition(".")
    api = next((api for api in APIS if api == name), None)
    fitting = [kind for kind in Kind if rest == kind or rest.startswith(f"{kind}.")]
    if api is None or not fitting:
        raise ValueError(f"{probe!r} names no test case; accepted: API.KIND or API.KIND.SUBJECT, as reports show them")
    kind = max(fitting, key=len)
    subject, variant, repeat = rest[len(kind) + 1 :], "", 0
    if kind in REPEATED and subject == AGAIN:
        subject, repeat = "", 1
    if kind in WITH_VARIANTS:
        subject, _, variant = subject.partition(".")
    return CaseId(api, profile, mode, kind, subject, variant, repeat)


@dataclass(frozen=True, slots=True)
class Compare:
    """The exchanges that a rule compares a judged exchange with: by default of the same API, profile and mode.

    With `many`, all cases of these kinds, whatever their subject, as a tuple; then `any_profile`: sent as any profile,
    `any_api`: to any API, and `any_mode`: in either mode.
    `optional`: the rule also judges without; otherwise a missing exchange makes it untestable.
    """

    kinds: Kind | tuple[Kind, ...]
    subject: str = ""
    repeat: int = 0
    mode: Mode | None = None
    many: bool = False
    any_profile: bool = False
    any_api: bool = False
    any_mode: bool = False
    optional: bool = False

    def matches(self, kind: Kind, subject: str, variant: str, repeat: int) -> bool:
        """Whether it includes such a case."""
        if kind not in (self.kinds if isinstance(self.kinds, tuple) else (self.kinds,)):
            return False
        return self.many or (subject, variant, repeat) == (self.subject, "", self.repeat)

    def name(self, api: Api) -> str:
        """The compared cases in words, for reports."""
        kinds = self.kinds if isinstance(self.kinds, tuple) else (self.kinds,)
        names = [
            f"{api}.{kind}.*" if self.many else probe_name(api, kind, self.subject, "", self.repeat) for kind in kinds
        ]
        return " or ".join(names)


BASELINE: Final = Compare(Kind.BASELINE)
