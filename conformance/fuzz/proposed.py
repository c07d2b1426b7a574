"""What Schemathesis proposes for an OpenAPI document: requests that its schemas allow, and some that they don't."""

from typing import Any, Final

import schemathesis
from schemathesis import GenerationMode

from conformance.exchange import Api
from conformance.fuzz.cases import Case, Strategy, mode_of, to_json
from conformance.probes.hello import CAP

MODES: Final = {"valid": GenerationMode.POSITIVE, "invalid": GenerationMode.NEGATIVE}
MOST: Final = 16
"""Tokens that an answer to a proposed request may have, and choices two."""


def kinds(document: dict[str, Any], path: str, api: Api, model: str, name: str = "") -> dict[str, Strategy]:
    """The strategies for one path of a document. Raises KeyError where it is not there."""
    operation = schemathesis.openapi.from_dict(document)[path]["POST"]

    def made(kind: str, mode: GenerationMode) -> Strategy:
        return operation.as_strategy(generation_mode=mode).map(lambda c: _case(c.body, api, model, kind)).filter(bool)

    return {f"{name}{kind}": made(f"{name}{kind}", mode) for kind, mode in MODES.items()}


def _case(body: Any, api: Api, model: str, about: str) -> Case | None:
    """A case of a proposed body: of the target's model, and under a cap; None where there is no body."""
    if isinstance(body, bytes):
        return Case("fuzz", about, "unary", body)
    if not isinstance(body, dict | list | str | int | float | bool | None):
        return None
    if isinstance(body, dict):
        body = _bounded(body, api, model)
    return Case("fuzz", about, mode_of(body), to_json(body))


def _bounded(body: dict[str, Any], api: Api, model: str) -> dict[str, Any]:
    named = {"model": model} if isinstance(body.get("model"), str) else {}
    caps = {name: min(body[name], MOST) for name in {CAP[api], "max_completion_tokens", "n"} if _is_count(body, name)}
    if "n" in caps:
        caps["n"] = min(caps["n"], 2)
    return {CAP[api]: MOST} | body | named | caps


def _is_count(body: dict[str, Any], name: str) -> bool:
    return isinstance(body.get(name), int | float) and not isinstance(body[name], bool)
