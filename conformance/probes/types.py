"""Wrong types: a server that uses a field must reject them; a 2xx response shows that it is silently ignored."""

from collections.abc import Iterator
from typing import Any

from conformance import schemas
from conformance.apis.specs import GENERATIONS, spec
from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import APIS, MODES, Api, Mode, Suite
from conformance.probes.baseline import Change, token_cap, with_fields
from conformance.probes.encoding import Offer, tools
from conformance.probes.tools import FORECAST

WRONG_SCALAR: Any = {"unexpected": True}
"""Instead of a number, string, boolean or array: an object, which no parser coerces to one of them."""
WRONG_OBJECT: Any = [17]
"""Instead of an object: an array."""

BESIDE: dict[str, dict[str, Any]] = {"top_logprobs": {"logprobs": True}}
"""Fields that must be set too, or the server does not read the field; `OF_TOOLS` need a tool."""
OF_TOOLS = ("tool_choice", "parallel_tool_calls")

CAPS = tuple(name for api in GENERATIONS for name in api.caps)
ALSO_STREAMED: dict[Api, tuple[str, ...]] = {
    "chat": ("parallel_tool_calls", "temperature", "top_p"),
    "messages": ("temperature",),
    "responses": ("temperature", "top_p"),
}
"""Fields that some servers drop only when streaming, where no effect probe shows it."""
STREAMED_ONLY = ("stream_options",)
STREAM: Mode = "stream"

FULL_SUITE_ONLY: dict[Api, tuple[str, ...]] = {
    "chat": (
        *("audio", "function_call", "functions", "logit_bias", "metadata", "modalities", "moderation", "n"),
        *("prediction", "top_logprobs"),
        *("prompt_cache_key", "prompt_cache_options", "prompt_cache_retention", "reasoning_effort"),
        *("safety_identifier", "service_tier", "store", "user", "verbosity", "web_search_options"),
    ),
    "messages": (
        *("cache_control", "container", "context_management", "diagnostics", "inference_geo", "max_tokens"),
        *("mcp_servers", "metadata", "model", "output_config", "output_format", "service_tier", "speed"),
        *("stop_sequences", "system", "thinking", "tool_choice", "tools", "top_k"),
    ),
    "responses": (
        *("access_programs", "background", "background_options", "context_management", "conversation", "image"),
        *("include", "max_tool_calls", "metadata", "model"),
        *("moderation", "prompt", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"),
        *("safety_identifier", "service_tier", "stream_options", "top_logprobs", "truncation", "user"),
    ),
    "completions": (
        *("best_of", "echo", "frequency_penalty", "logit_bias", "logprobs", "max_tokens", "model", "n"),
        *("presence_penalty", "seed", "stop", "stream_options", "suffix", "top_p", "user"),
    ),
}
"""Fields probed only in `full`: they have no effect on the response, are rare, or have an effect probe."""


def wrong(api: Api) -> dict[str, Any]:
    """For each request field, a value whose type no parser can coerce to the right one."""
    fields = schemas.load(spec(api).request_schema)["properties"]
    return {
        name: WRONG_OBJECT if "object" in kinds_of(field) else WRONG_SCALAR for name, field in sorted(fields.items())
    }


def kinds_of(field: dict[str, Any]) -> set[str]:
    """The JSON types that a field's schema allows."""
    named = field.get("type", ())
    choices = [*field.get("anyOf", ()), *field.get("oneOf", ())]
    return {*([named] if isinstance(named, str) else named), *(kind for choice in choices for kind in kinds_of(choice))}


def _modes(api: Api, name: str) -> tuple[Mode, ...]:
    if name in STREAMED_ONLY:
        return ("stream",)
    return ("stream", "unary") if name in ALSO_STREAMED.get(api, ()) else ("unary",)


def _wrong(
    api: Api, about: str, change: Change, *modes: Mode, suite: Suite = "gate", field_suite_modes: tuple[Mode, ...] = ()
) -> Probe:
    return Probe(
        kind=Kind.WRONG_TYPE,
        subject=about,
        purpose=f"`{about}` has a wrong type, which must be rejected, not silently ignored.",
        api=api,
        modes=modes,
        build_body=change,
        suite=suite,
        smoke_suite_modes=(STREAM,) if (api, about) == ("chat", "temperature") else (),
        field_suite_modes=field_suite_modes,
        max_tokens=32 if about in CAPS else 1,
    )


def _by_field(api: Api) -> Iterator[Probe]:
    generation = spec(api).generation
    single = generation.conversation.single_call if generation and generation.conversation else ""
    for name, value in wrong(api).items():
        alone = {} if api != "chat" else BESIDE.get(name, {})
        beside = tools(api, Offer((FORECAST,))) if name in OF_TOOLS else alone
        capped = {} if name in CAPS else token_cap(api, 1)
        suite: Suite = "full" if name in FULL_SUITE_ONLY.get(api, ()) else "gate"
        modes = _modes(api, name)
        shown = name in (*spec(api).effects, single)
        both = () if shown else modes if name in (STREAM, *STREAMED_ONLY) or not generation else MODES
        change = with_fields(**beside, **capped, **{name: value})
        yield _wrong(api, name, change, *modes, suite=suite, field_suite_modes=both)


FIELDS = tuple(probe for api in APIS for probe in _by_field(api))
NESTED = (
    _wrong(
        "chat",
        "stream_options.include_usage",
        with_fields(stream_options={"include_usage": WRONG_SCALAR}, max_tokens=1),
        "stream",
    ),
    _wrong(
        "chat",
        "response_format.json_schema",
        with_fields(response_format={"type": "json_schema", "json_schema": WRONG_OBJECT}, max_tokens=1),
        "unary",
        suite="full",
    ),
)
