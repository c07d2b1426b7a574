"""Requests with one nonce, sent one after the other: equal ones, and some that differ in one thing only.

A gateway that caches responses shows it on the equal ones. The others it must not serve from its cache: they ask for
something else, or are another client's.
"""

import base64
import struct
import zlib
from typing import Any, Final

from conformance.apis.specs import generation, spec
from conformance.model.case import Kind
from conformance.model.probe import Probe, RawRequest
from conformance.model.words import CONVERSATIONAL, GENERATIVE, THROUGH_GATEWAYS, Api, Mode, Suite
from conformance.probes.baseline import Change, modes_of
from conformance.probes.tools import FORECAST

GROUP: Final = "cache"
AGAIN: Final = "again"
TENANT: Final = "tenant"
SEQUENTIAL_STAGE: Final = 2
ENCODING: Final = "encoding"
TEXT: Final = "What is in this picture?"
PHRASES: Final = ("The Lamp is green", "Two boats wait")
"""Inputs of which each has an embedding of its own, and which differ in the case of letters from others."""
SIDE: Final = 32
OTHER_CLIENT: Final = RawRequest(headers=(("authorization", "Bearer sk-canary-other-client"), ("x-api-key", None)))
NONE: Final[dict[Api, Any]] = {"chat": "none", "messages": {"type": "none"}, "responses": "none"}
OTHER_MODEL: Final = "no-such-model"
"""A gateway that looks into its cache first need not know it: a stored response to it is another model's."""
SYSTEM: Final[dict[Api, str]] = {"messages": "system", "responses": "instructions"}
"""The field of the system prompt; in Chat Completions it is a message."""


def _square(colour: bytes) -> str:
    """A PNG image of one colour (RGB), in base64."""

    def block(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = zlib.compress((b"\0" + colour * SIDE) * SIDE)
    header = struct.pack(">IIBBBBB", SIDE, SIDE, 8, 2, 0, 0, 0)
    png = b"\x89PNG\r\n\x1a\n" + block(b"IHDR", header) + block(b"IDAT", rows) + block(b"IEND", b"")
    return base64.b64encode(png).decode()


RED, BLUE = _square(b"\xff\0\0"), _square(b"\0\0\xff")


def _message(api: Api, image: str) -> dict[str, Any]:
    """A user message with a text and an image."""
    url = f"data:image/png;base64,{image}"
    text = {"type": "input_text" if api == "responses" else "text", "text": TEXT}
    parts: dict[Api, Any] = {
        "chat": {"type": "image_url", "image_url": {"url": url}},
        "messages": {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": image}},
        "responses": {"type": "input_image", "image_url": url},
    }
    return {"role": "user", "content": [text, parts[api]]}


def _tool(api: Api) -> dict[str, Any]:
    if api == "chat":
        return {"type": "function", "function": FORECAST}
    if api == "responses":
        return {"type": "function", "strict": False, **FORECAST}
    kept = {name: value for name, value in FORECAST.items() if name != "parameters"}
    return {**kept, "input_schema": FORECAST["parameters"]}


def _fields(api: Api) -> dict[str, Any]:
    """The fields of the request that the others differ from."""
    if api == "embeddings":
        return {"input": [*PHRASES], "encoding_format": "float"}
    if api == "completions":
        return {"prompt": PHRASES[0], "max_tokens": 64, "temperature": 0.2}
    talk = {spec(api).prompt: [_message(api, RED)]}
    return {**talk, generation(api).cap: 64, "temperature": 0.2, "tools": [_tool(api)]}


def _differences(api: Api) -> dict[str, tuple[Suite, dict[str, Any]]]:
    """What changes a response: fields with another value."""
    if api not in CONVERSATIONAL:
        found = OF_INPUTS if api == "embeddings" else OF_PROMPTS
        return {name: ("gate", fields) for name, fields in found.items()}
    place, instructions = spec(api).prompt, "You are a terse assistant."
    system = {"role": "system", "content": instructions}
    return {
        "model": ("gate", {"model": OTHER_MODEL}),
        "cap": ("gate", {generation(api).cap: 48}),
        "temperature": ("gate", {"temperature": 0.9}),
        "tool-choice": ("gate", {"tool_choice": NONE[api]}),
        "image": ("gate", {place: [_message(api, BLUE)]}),
        "system": (
            "gate",
            {SYSTEM[api]: instructions} if api in SYSTEM else {place: [system, _message(api, RED)]},
        ),
        "top-p": ("full", {"top_p": 0.5}),
        "tools": ("full", {"tools": [_tool(api), _renamed(_tool(api))]}),
        **({"stop": ("full", {stop: ["w9"]})} if (stop := generation(api).stop) else {}),
        **({"seed": ("full", {"seed": 7}), "n": ("full", {"n": 2})} if api == "chat" else {}),
        **({"format": ("gate", {"response_format": {"type": "json_object"}})} if api == "chat" else {}),
    }


OF_INPUTS: Final[dict[str, dict[str, Any]]] = {
    "model": {"model": OTHER_MODEL},
    "dimensions": {"dimensions": 16},
    "letter-case": {"input": [phrase.upper() for phrase in PHRASES]},
    "order": {"input": [*reversed(PHRASES)]},
    "mixture": {"input": [PHRASES[0], "Knead the dough", PHRASES[1]]},
    ENCODING: {"encoding_format": "base64"},
}
OF_PROMPTS: Final[dict[str, dict[str, Any]]] = {
    "model": {"model": OTHER_MODEL},
    "cap": {"max_tokens": 48},
    "temperature": {"temperature": 0.9},
    "letter-case": {"prompt": PHRASES[0].upper()},
    "echo": {"echo": True},
    "logprobs": {"logprobs": 2},
    "suffix": {"suffix": " That is all."},
    "stop": {"stop": ["w9"]},
    "seed": {"seed": 7},
}


def _renamed(tool: dict[str, Any]) -> dict[str, Any]:
    """The tool under another name."""
    if "function" in tool:
        return tool | {"function": _renamed(tool["function"])}
    return tool | {"name": f"{tool['name']}_again"}


def _with(fields: dict[str, Any]) -> Change:
    return lambda body, _mode: body | fields


def _probe(
    api: Api,
    subject: str,
    purpose: str,
    fields: dict[str, Any],
    suite: Suite = "gate",
    *,
    modes: tuple[Mode, ...] = ("unary",),
    raw: RawRequest | None = None,
) -> Probe:
    return Probe(
        api=api,
        kind=Kind.GATEWAY_CACHE,
        subject=subject,
        purpose=purpose,
        script="image-taken" if api in CONVERSATIONAL else "native-sse",
        nonce_group=GROUP,
        modes=modes,
        suite=suite if api in ("chat", "embeddings") else "full",
        build_body=_with(_fields(api) | fields),
        raw=raw,
        stage=SEQUENTIAL_STAGE,
        max_tokens=128 if spec(api).generation else 0,
    )


def _of_tenants(api: Api) -> tuple[Probe, ...]:
    return (_probe(api, TENANT, "The same request with another client's key.", {}, raw=OTHER_CLIENT),)


def _of(api: Api) -> tuple[Probe, ...]:
    return (
        _probe(api, "", "A request that others repeat.", {}),
        _probe(api, AGAIN, "The same request again, in each mode.", {}, modes=modes_of(api)),
        *(_of_tenants(api) if api in GENERATIVE else ()),
        *(
            _probe(api, name, f"The same request with another {name}.", fields, suite)
            for name, (suite, fields) in _differences(api).items()
        ),
    )


PROBES = tuple(probe for api in THROUGH_GATEWAYS for probe in _of(api))
