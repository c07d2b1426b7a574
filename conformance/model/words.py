"""Words with a fixed set of values: what the command line, files and reports accept and show. No code."""

from enum import IntEnum
from typing import Final, Literal, get_args

Api = Literal["chat", "messages", "responses", "completions", "embeddings"]
ConversationalApi = Literal["chat", "messages", "responses"]
Mode = Literal["stream", "unary"]
Direction = Literal["sent", "received"]
Hop = Literal["client", "upstream"]
"""Between the harness and the target, or between a gateway and its upstream."""
Facet = Literal["headers", "framing", "timing", "bytes", "request", "end"]
"""What a recording holds: header fields as sent, the body's framing, arrival times, the exact bytes; the request's body
with all its members, and whether the response was recorded to its end.

Without `headers`, some may be missing, and the Content-Type may be the one that the body shows.
"""
Hidden = Literal["key", "response", "upstream-key"]
"""What is not shown of credentials: the request's key, so that none knows whether the response repeats it; what in the
response had the form of a key, or was a credential of a gateway's, and is masked; the key of the API with which the
gateway asks its upstream, if that is among it."""
Suite = Literal["smoke", "gate", "full", "fields", "fuzz", "recordings", "load"]
Sender = Literal["framework", "sdk"]
RecordingFormat = Literal["har", "vcr"]
"""Formats of recordings that other tools made."""
Streaming = Literal["required", "stopgap-ok"]
UnknownFields = Literal["reject", "announce", "allow"]
FailOn = Literal["must", "should", "untestable", "stale-waiver"]
"""What makes a run fail: failures of a level, verdicts that could not be tested, or waivers that cover nothing."""

APIS: Final[tuple[Api, ...]] = get_args(Api)
GENERATIVE: Final[tuple[Api, ...]] = ("chat", "messages", "responses", "completions")
"""The APIs that generate text, and can stream it."""
CONVERSATIONAL: Final[tuple[ConversationalApi, ...]] = get_args(ConversationalApi)
"""The APIs with messages and tools, which agents and gateways speak: those of a run that names no API."""
WITH_CHOICES: Final[tuple[Api, ...]] = ("chat", "completions")
"""The APIs whose responses and chunks have choices, and end with `[DONE]`."""
THROUGH_GATEWAYS: Final[tuple[Api, ...]] = (*GENERATIVE, "embeddings")
"""The APIs that gateways are tested with."""
MODES: Final[tuple[Mode, ...]] = ("stream", "unary")
MODE_WORDS: Final[dict[str, str]] = {"stream": "streaming", "unary": "non-streaming"}
FAIL_ON: Final[tuple[FailOn, ...]] = ("must", "should", "untestable", "stale-waiver")
FACETS: Final[frozenset[Facet]] = frozenset(get_args(Facet))
FORMATS: Final[tuple[RecordingFormat, ...]] = ("har", "vcr")
SUITES: Final[tuple[Suite, ...]] = ("smoke", "gate", "full", "fields")
"""Each of the first three includes the previous one; `fields` tests only the support of each request field.

The others can't be selected: `fuzz` has the baseline requests, and generated cases follow them; `recordings` has the
requests that somebody else sent; `load` has those of many users at once.
"""


class ExitCode(IntEnum):
    """Exit codes of every command."""

    CONFORMANT = 0
    FAILED = 1
    USAGE = 2
    NOT_TESTED = 3
    HARNESS_ERROR = 4
    INTERRUPTED = 130
