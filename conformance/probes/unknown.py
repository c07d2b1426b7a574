"""Canaries: fields that no API knows, at the top and nested, misspelt and in another case."""

from collections.abc import Iterator
from typing import Any

from conformance.exchange import Mode
from conformance.probe import Probe, Suite
from conformance.probes.hello import TOOL, Change, sets

CANARY = "x_conformance_canary"
OPTION = {CANARY: "sing"}


def _in_message(body: dict[str, Any], _mode: Mode) -> Any:
    *earlier, last = body["messages"]
    return body | {"messages": [*earlier, last | OPTION], "max_tokens": 1}


def _canary(about: str, what: str, change: Change, *modes: Mode, suite: Suite = "gate") -> Probe:
    return Probe(
        name=f"chat.unknown-field.{about}",
        purpose=f"{what}: it must be refused by name or announced as ignored, not dropped without a word.",
        api="chat",
        modes=modes,
        change=change,
        suite=suite,
        max_tokens=1,
    )


def _canaries() -> Iterator[Probe]:
    tool = TOOL | {"function": TOOL["function"] | OPTION}
    usage = {"include_usage": True} | OPTION
    yield _canary(CANARY, "A vendor's field", sets(**OPTION, max_tokens=1), "stream", "unary")
    yield _canary("max_token", "A misspelt cap", sets(max_token=1, max_tokens=1), "unary")
    yield _canary("maxTokens", "A cap in camel case", sets(maxTokens=1, max_tokens=1), "unary", suite="full")
    yield _canary("Stream", "A field with a capital", sets(Stream=False, max_tokens=1), "unary", suite="full")
    yield _canary(f"messages.{CANARY}", "A field inside a message", _in_message, "unary")
    yield _canary(f"tools.{CANARY}", "A field inside a tool", sets(tools=[tool], max_tokens=1), "unary")
    yield _canary(
        f"stream_options.{CANARY}", "A field inside an object", sets(stream_options=usage, max_tokens=1), "stream"
    )


CANARIES = tuple(_canaries())
