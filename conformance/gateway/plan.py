"""The requests that are sent through a gateway. Pure.

Each has a nonce, and names the script that the upstream follows.
"""

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from conformance import catalogue
from conformance.apis.nonce import Marker, nonce, renamed, token_ids
from conformance.apis.specs import spec
from conformance.model.case import CaseId, Kind
from conformance.model.dialect import USUAL
from conformance.model.exchange import Request
from conformance.model.probe import Probe
from conformance.model.profile import Profile
from conformance.model.target import Target
from conformance.model.words import CONVERSATIONAL, MODES, SUITES, Api, Mode, Suite
from conformance.parsing.json_values import as_array, is_integer
from conformance.plan import (
    address_of,
    completion_token_bound,
    planned_apis,
    raw_body,
    replaced,
    request_headers,
    request_id,
    substitute_model,
    to_json,
)

GOOD: Final = "native-sse"
"""The script of a correct upstream."""
MARKER, NONCE = b"{marker}", b"{nonce}"
"""Placeholders in a probe's body, and of the nonce in its headers, too. Without MARKER, it is added to the last user
message, or to each prompt or input."""
FAULT_STAGE: Final = 3
"""The first stage of faults, in which requests are sent one at a time: after those that need a sound gateway."""


def plan_through(target: Target, profiles: Sequence[str], suite: Suite, seed: int) -> tuple[Request, ...]:
    """The requests of a run through a gateway, in the order of sending; each fault is followed by a usual request."""
    planned = [
        request for api in planned_apis(target, profiles) for request in _of_api(target, api, profiles, suite, seed)
    ]
    return tuple(sorted(planned, key=lambda request: (request.stage, request.cases[0].kind is not Kind.BASELINE)))


def _of_api(target: Target, api: Api, profiles: Sequence[str], suite: Suite, seed: int) -> Iterator[Request]:
    sdk = spec(api).base_profile
    speakers = [p for p in catalogue.profiles() if p.api == api and (p.name in profiles or p.name == sdk)]
    for probe in probes_through(api, suite):
        if probe.kind is Kind.BASELINE:
            for profile in speakers:
                modes = [mode for mode in _usual_modes(profile, suite) if mode in probe.modes]
                yield from _of_probe(target, profile, probe, seed, modes)
        else:
            sender = next(profile for profile in speakers if profile.name == sdk)
            yield from _of_probe(target, sender, probe, seed, probe.modes)


def _usual_modes(profile: Profile, suite: Suite) -> tuple[Mode, ...]:
    """The modes of a baseline request: both as the SDK, and in the suite `full`; the framework's default otherwise."""
    if suite == "full" or profile.name == spec(profile.api).base_profile:
        return MODES
    return ("stream",) if profile.streams_by_default else ("unary",)


def probes_through(api: Api, suite: Suite) -> Iterator[Probe]:
    """The probes of an API that a suite sends through a gateway."""
    for probe in catalogue.probes():
        is_due = probe.kind is Kind.BASELINE or (probe.script and SUITES.index(probe.suite) <= SUITES.index(suite))
        if probe.api == api and is_due:
            yield probe


def _of_probe(target: Target, profile: Profile, probe: Probe, seed: int, modes: Sequence[Mode]) -> Iterator[Request]:
    """The requests of a probe in each mode, with the one that follows a fault, if one does."""
    for mode in modes:
        yield _request(target, profile, probe, mode, seed)
        if probe.kind is Kind.GATEWAY_FAULT and probe.is_followed:
            after = CaseId(probe.api, profile.name, mode, Kind.GATEWAY_AFTER, probe.subject)
            yield _request(target, profile, _following(probe), mode, seed, after)


def _following(probe: Probe) -> Probe:
    """A usual request right after a fault, at the same stage."""
    baseline = next(p for p in catalogue.probes() if p.api == probe.api and p.kind is Kind.BASELINE)
    return msgspec.structs.replace(baseline, stage=_stage(probe))


def _stage(probe: Probe) -> int:
    """The stage of a probe; faults are sent one at a time."""
    return max(probe.stage, FAULT_STAGE) if probe.kind is Kind.GATEWAY_FAULT else probe.stage


def _request(
    target: Target, profile: Profile, probe: Probe, mode: Mode, seed: int, case: CaseId | None = None
) -> Request:
    case = case or probe.case(profile.name, mode)
    name = request_id(case)
    mark = Marker(nonce(seed, _nonce_name(probe, name)), probe.script or GOOD)
    body = substitute_model(profile.requests[mode].body, target.model)
    payload: Any = probe.build_body(body, mode) if probe.build_body else body
    raw = probe.raw
    data = raw_body(raw, raw.body, target.model) if raw and raw.body is not None else to_json(payload)
    if MARKER not in data:
        data = to_json(with_text(payload, probe.api, f" ({mark})"))
    headers = replaced(request_headers(target, profile, mode, USUAL), raw.headers if raw else ())
    return Request(
        id=name,
        cases=(case,),
        method=raw.method if raw else "POST",
        url=address_of(target, profile, raw).replace(NONCE.decode(), mark.nonce),
        headers=tuple((name, value.replace(NONCE.decode(), mark.nonce)) for name, value in headers),
        body=data.replace(MARKER, str(mark).encode()).replace(NONCE, mark.nonce.encode()),
        max_tokens=completion_token_bound(payload, probe.max_tokens),
        stage=_stage(probe),
        disconnect_after_events=probe.disconnect_after_events,
        disconnect_after_s=probe.disconnect_after_s,
        reuse_connection=probe.reuse_connection,
        nonce=mark.nonce,
    )


def with_new_nonce(request: Request, seed: int, number: int) -> Request:
    """The request with another nonce; the first time it stays as it is."""
    if number == 1:
        return request
    old, new = request.nonce, nonce(seed, f"{request.id}.{number}")
    return msgspec.structs.replace(
        request,
        url=request.url.replace(old, new),
        headers=tuple((name, value.replace(old, new)) for name, value in request.headers),
        body=renamed(request.body, old, new),
        nonce=new,
    )


def _nonce_name(probe: Probe, name: str) -> str:
    """What a nonce is made from: the name of the request, or that of its group."""
    return f"{probe.api}/{probe.nonce_group}" if probe.nonce_group else name


def with_text(body: Any, api: Api, text: str) -> Any:
    """The body with text added to its last user message, or to each of its prompts or inputs."""
    place = spec(api).prompt
    given = body[place]
    if isinstance(given, str):
        return body | {place: given + text}
    if api not in CONVERSATIONAL:
        return body | {place: _each_longer(given, text)}
    last = max((at for at, item in enumerate(given) if item.get("role") == "user"), default=None)
    if last is None:
        return body | {place: [*given, {"role": "user", "content": text.strip()}]}
    message = given[last]
    changed = message | {"content": _longer(message.get("content"), text)}
    return body | {place: [*given[:last], changed, *given[last + 1 :]]}


def _each_longer(given: Any, text: str) -> Any:
    """Each of the prompts or inputs with text added, which token IDs spell; in place of none, the text."""
    if isinstance(given, str):
        return given + text
    found = as_array(given)
    if found and all(map(is_integer, found)):
        return [*found, *token_ids(text)]
    return [_each_longer(item, text) for item in found] or text.strip()


def _longer(content: Any, text: str) -> Any:
    """The content of a message with text added to its last text part."""
    if isinstance(content, str):
        return content + text
    parts = as_array(content)
    last = max((at for at, part in enumerate(parts) if isinstance(part.get("text"), str)), default=None)
    if last is None:
        return [*parts, {"type": "text", "text": text.strip()}]
    return [*parts[:last], parts[last] | {"text": parts[last]["text"] + text}, *parts[last + 1 :]]
