"""Canaries: unknown fields, at the top level and nested, misspelt and in another case."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.specs import spec
from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import APIS, Api, Mode, Suite
from conformance.probes.baseline import Change, Fields, suite_of, token_cap, with_fields
from conformance.probes.encoding import Offer, tools
from conformance.probes.tools import FORECAST

CANARY = "x_conformance_canary"
OPTION = {CANARY: "sing"}


def _in_message(api: Api) -> Change:
    def change(body: dict[str, Any], _mode: Mode) -> Any:
        if api == "responses":
            messages = [{"role": "user", "content": "Say hello.", **OPTION}]
            return body | {"input": messages} | token_cap(api, 1)
        *earlier, last = body["messages"]
        return body | {"messages": [*earlier, last | OPTION]} | token_cap(api, 1)

    return change


def _in_tool(api: Api) -> dict[str, Any]:
    """A tool with an unknown field in its definition."""
    offered = tools(api, Offer((FORECAST | OPTION,)))
    return offered | token_cap(api, 1)


def _canary(api: Api, about: str, what: str, change: Change, *modes: Mode, suite: Suite = "gate") -> Probe:
    return Probe(
        kind=Kind.UNKNOWN_FIELD,
        subject=about,
        purpose=f"{what}: it must be rejected by name or reported as ignored, not silently ignored.",
        api=api,
        modes=modes,
        build_body=change,
        suite=suite,
        max_tokens=1,
    )


def _canaries(api: Api) -> Iterator[Probe]:
    capped, generation = token_cap(api, 1), spec(api).generation
    modes: tuple[Mode, ...] = ("stream", "unary") if generation else ("unary",)
    yield _canary(api, CANARY, "A vendor's field", with_fields(**OPTION, **capped), *modes)
    if generation:
        yield from _misspelt(api, capped)
    if generation and generation.conversation:
        message, tool = f"{spec(api).prompt}.{CANARY}", with_fields(**_in_tool(api))
        yield _canary(api, message, "A field inside a message", _in_message(api), "unary", suite=suite_of(api))
        yield _canary(api, f"tools.{CANARY}", "A field inside a tool", tool, "unary", suite=suite_of(api))


def _misspelt(api: Api, capped: Fields) -> Iterator[Probe]:
    change = with_fields(max_token=1, **capped)
    yield _canary(api, "max_token", "A misspelt cap", change, "unary", suite=suite_of(api))
    yield _canary(api, "maxTokens", "A cap in camel case", with_fields(maxTokens=1, **capped), "unary", suite="full")
    yield _canary(api, "Stream", "A field with a capital", with_fields(Stream=False, **capped), "unary", suite="full")


def _of_chat() -> Iterator[Probe]:
    usage = {"include_usage": True} | OPTION
    change = with_fields(stream_options=usage, max_tokens=1)
    yield _canary("chat", f"stream_options.{CANARY}", "A field inside an object", change, "stream")


CANARIES = (*(probe for api in APIS for probe in _canaries(api)), *_of_chat())
