"""Requests whose fields must arrive at the upstream as they were sent: many fields in few requests."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.specs import caps
from conformance.model.case import Kind
from conformance.model.probe import Probe, RawRequest
from conformance.model.words import CONVERSATIONAL, MODES, THROUGH_GATEWAYS, WITH_CHOICES, Api, Mode, Suite
from conformance.probes.baseline import Change, Fields, token_cap, with_fields
from conformance.probes.encoding import Offer, tools
from conformance.probes.tools import closed, tool

SCRIPT: Final = "native-sse"
USER: Final = "user-7f3a"

SCALARS: Final[dict[Api, Fields]] = {
    "chat": {
        "temperature": 0.35,
        "top_p": 0.85,
        "frequency_penalty": -0.25,
        "presence_penalty": 1.75,
        "logit_bias": {"50256": -37, "198": 3},
        "seed": 424242,
        "stop": ["\n\nObservation:", "§§"],
        "logprobs": True,
        "top_logprobs": 3,
        "response_format": {"type": "json_object"},
        "metadata": {"ticket": "T-17", "Zürich": "東京"},
        "user": USER,
        "prompt_cache_key": "tenant-3/agent-5",
    },
    "messages": {
        "temperature": 0.35,
        "top_p": 0.85,
        "top_k": 17,
        "stop_sequences": ["\n\nObservation:", "§§"],
        "metadata": {"user_id": USER},
        "service_tier": "standard_only",
        "system": "Be brief.",
    },
    "responses": {
        "temperature": 0.35,
        "top_p": 0.85,
        "instructions": "Be brief.",
        "metadata": {"ticket": "T-17", "Zürich": "東京"},
        "user": USER,
        "prompt_cache_key": "tenant-3/agent-5",
        "truncation": "auto",
        "text": {"format": {"type": "text"}, "verbosity": "low"},
        "max_tool_calls": 3,
    },
    "completions": {
        "temperature": 0.35,
        "top_p": 0.85,
        "frequency_penalty": -0.25,
        "presence_penalty": 1.75,
        "logit_bias": {"50256": -37, "198": 3},
        "seed": 424242,
        "stop": ["\n\nObservation:", "§§"],
        "logprobs": 3,
        "echo": True,
        "n": 2,
        "user": USER,
    },
    "embeddings": {"dimensions": 48, "encoding_format": "base64", "user": USER},
}
"""Usual fields, each with a value that is not its default."""
STREAMED: Final[dict[Api, Fields]] = {
    "chat": {"stream_options": {"include_usage": True, "include_obfuscation": False}},
    "messages": {},
    "responses": {"stream_options": {"include_obfuscation": False}},
    "completions": {"stream_options": {"include_usage": True, "include_obfuscation": False}},
}
"""The same of streams only."""
RARE: Final[dict[Api, Fields]] = {
    "chat": {
        "n": 2,
        "max_completion_tokens": 96,
        "reasoning_effort": "low",
        "verbosity": "high",
        "modalities": ["text"],
        "prediction": {"type": "content", "content": "Hello there."},
        "service_tier": "flex",
        "store": True,
        "safety_identifier": "hash-9b1d",
        "prompt_cache_retention": "24h",
    },
    "messages": {
        "thinking": {"type": "enabled", "budget_tokens": 1025},
        "max_tokens": 2049,
        "inference_geo": "us",
        "output_config": {"effort": "low"},
        "cache_control": {"type": "ephemeral", "ttl": "1h"},
    },
    "responses": {
        "reasoning": {"effort": "low", "summary": "auto"},
        "include": ["reasoning.encrypted_content"],
        "service_tier": "flex",
        "safety_identifier": "hash-9b1d",
        "prompt_cache_retention": "24h",
        "store": True,
    },
    "completions": {"suffix": "\nThat is all.", "best_of": 3, "stop": "§§"},
}
"""Fields that only some models or servers have."""
UNKNOWN: Final[Fields] = {"top_a": 0.25, "x_vendor_option": {"mode": "fast", "depth": 3}}
"""Fields that no API documents, as vendors have them."""
LOOSE: Final = tool(
    "look_up",
    "",
    closed(id={"type": "integer", "minimum": 0, "default": 0}, deep={"type": "boolean", "default": False}),
)
FALSY: Final[dict[Api, Fields]] = {
    "chat": {
        "temperature": 0,
        "top_p": 0,
        "frequency_penalty": 0,
        "presence_penalty": 0,
        "seed": 0,
        "logit_bias": {"198": 0},
        "parallel_tool_calls": False,
        "store": False,
        "stop": None,
        "metadata": {},
        "user": "",
    },
    "messages": {
        "temperature": 0,
        "top_p": 0,
        "top_k": 0,
        "stop_sequences": [],
        "metadata": {"user_id": None},
        "tool_choice": {"type": "auto", "disable_parallel_tool_use": False},
        "system": "",
    },
    "responses": {
        "temperature": 0,
        "top_p": 0,
        "top_logprobs": 0,
        "store": False,
        "background": False,
        "parallel_tool_calls": False,
        "previous_response_id": None,
        "metadata": {},
        "instructions": "",
    },
    "completions": {
        "max_tokens": 0,
        "echo": True,
        "logprobs": 0,
        "temperature": 0,
        "top_p": 0,
        "seed": 0,
        "logit_bias": {"198": 0},
        "stop": None,
        "suffix": "",
        "user": "",
    },
    "embeddings": {"user": ""},
}
"""Fields that are 0, false, null or empty."""
BEYOND: Final[dict[Api, Fields]] = {
    "chat": {"temperature": 2.5, "top_p": 1.1, "presence_penalty": -3},
    "messages": {"temperature": 1.5, "top_p": 1.1},
    "responses": {"temperature": 2.5, "top_p": 1.1},
    "completions": {"temperature": 2.5, "top_p": 1.1, "presence_penalty": -3},
    "embeddings": {"dimensions": 0},
}
"""Numbers outside of their documented ranges."""
SCHEMA: Final = (
    r'{"type":"object","properties":{"id":{"type":"integer","maximum":9223372036854775807,"default":9007199254740993},'
    r'"ratio":{"type":"number","multipleOf":0.10,"minimum":-1E-7,"maximum":1e22,"default":1.0}}}'
)
TEXT: Final = r"Gr\u00fc\u00dfe \ud83c\udf19 a\/b \u2028 \u0009tab\u00a0 e\u0301 ({marker})"
"""Escapes that are not needed, a surrogate pair, and letters that a normaliser would change."""
SPELT: Final[dict[Api, str]] = {
    "chat": rf'{{"model":"{{model}}","max_tokens":64,"temperature":1.10,"top_p":1.0,"seed":9007199254740993,'
    rf'"messages":[{{"role":"user","content":"{TEXT}"}}],'
    rf'"tools":[{{"type":"function","function":{{"name":"look_up","parameters":{SCHEMA}}}}}]}}',
    "messages": rf'{{"model":"{{model}}","max_tokens":64,"temperature":1.0,"top_p":0.10,'
    rf'"messages":[{{"role":"user","content":"Look."}},{{"role":"assistant","content":[{{"type":"tool_use",'
    rf'"id":"toolu_1","name":"look_up","input":{{"id":9007199254740993,"ratio":0.10}}}}]}},{{"role":"user","content":'
    rf'[{{"type":"tool_result","tool_use_id":"toolu_1","content":"7"}},{{"type":"text","text":"{TEXT}"}}]}}],'
    rf'"tools":[{{"name":"look_up","input_schema":{SCHEMA}}}]}}',
    "responses": rf'{{"model":"{{model}}","max_output_tokens":64,"temperature":1.10,"top_p":1.0,"input":"{TEXT}",'
    rf'"tools":[{{"type":"function","name":"look_up","strict":false,"parameters":{SCHEMA}}}]}}',
    "completions": rf'{{"model":"{{model}}","max_tokens":64,"temperature":1.10,"top_p":1.0,"seed":9007199254740993,'
    rf'"prompt":"{TEXT}\n "}}',
    "embeddings": rf'{{"model":"{{model}}","input":["{TEXT}","\u212b\u00a0 {{marker}}\n"],"dimensions":16}}',
}
"""Numbers and texts that a second JSON writer writes in another way, or loses."""

TWICE: Final = (
    b'{"model":"{model}","messages":[{"role":"user","content":"Hello. ({marker})"}],"max_tokens":64,"max_tokens":16}'
)
"""A name that occurs twice."""


def _scalars(api: Api) -> Change:
    def change(body: dict[str, Any], mode: Mode) -> Any:
        return body | SCALARS[api] | token_cap(api, 64) | (STREAMED.get(api, {}) if mode == "stream" else {})

    return change


def _falsy(api: Api) -> Change:
    is_calling = api in CONVERSATIONAL
    offered = tools(api, Offer((LOOSE if api == "messages" else LOOSE | {"strict": False},))) if is_calling else {}
    return lambda body, _mode: body | token_cap(api, 64) | offered | FALSY[api]


def _rare(api: Api) -> Change:
    def change(body: dict[str, Any], _mode: Mode) -> Any:
        kept = {name: value for name, value in body.items() if name not in caps(api) or api != "chat"}
        return kept | RARE[api]

    return change


def _probe(api: Api, subject: str, purpose: str, change: Change | None, suite: Suite = "gate", **more: Any) -> Probe:
    given: dict[str, Any] = {"modes": ("unary",), "build_body": change, "max_tokens": 64} | more
    return Probe(
        api=api, kind=Kind.GATEWAY_FIELD, subject=subject, purpose=purpose, script=SCRIPT, suite=suite, **given
    )


def _probes(api: Api) -> Iterator[Probe]:
    modes = MODES if api in WITH_CHOICES else ("unary",)
    yield _probe(api, "scalars", "Usual fields arrive, the token cap first.", _scalars(api), "smoke", modes=modes)
    suite: Suite = "full" if api == "embeddings" else "gate"  # which has hardly a field
    yield _probe(api, "falsy", "Fields that are 0, false, null or empty arrive.", _falsy(api), suite)
    yield _probe(
        api, "range", "Numbers outside of their ranges arrive, or are refused.", with_fields(**BEYOND[api]), suite
    )
    yield _probe(
        api,
        "spelling",
        "Large integers keep their digits, and escaped texts their characters.",
        None,
        raw=RawRequest(body=SPELT[api].encode()),
    )
    if api in RARE:
        yield _probe(api, "rare", "Fields that only some models have arrive.", _rare(api))
    if api != "chat":
        yield _probe(api, "unknown", "Fields of vendors arrive.", lambda body, _mode: body | UNKNOWN, "full")


PROBES = (
    *(probe for api in THROUGH_GATEWAYS for probe in _probes(api)),
    _probe(
        "chat",
        "twice",
        "A name that occurs twice is refused, or what arrives is as the client's JSON writer meant it.",
        None,
        "full",
        raw=RawRequest(body=TWICE),
    ),
)
