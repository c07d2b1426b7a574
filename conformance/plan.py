"""The plan: the requests of a run, and the test cases that each covers. Pure; equal requests are merged."""

import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlsplit

from conformance import catalogue
from conformance.apis.in_dialect import in_dialect, raw_in_dialect
from conformance.apis.request import prompts_in
from conformance.apis.specs import spec, url_of
from conformance.model.case import CaseId, Compare, Kind
from conformance.model.dialect import USUAL, Dialect
from conformance.model.exchange import Exchange, Request
from conformance.model.probe import CONCURRENT_STAGE, Probe, RawRequest, SocketTurn
from conformance.model.profile import MODEL, Body, Profile
from conformance.model.target import Target
from conformance.model.turn import Turn
from conformance.model.words import APIS, CONVERSATIONAL, Api, Mode, Suite

Headers = tuple[tuple[str, str], ...]

KEY_HEADERS: Final[dict[str, str]] = {"authorization": "Bearer {key}", "x-api-key": "{key}"}
"""The headers that can carry the key, and how they do."""

DEFAULT_MODE: tuple[Mode, ...] = ("stream",)
"""Modes of a smoke run's baseline requests as the second and further frameworks of an API: their default."""


class PlannedCase(NamedTuple):
    """A planned test case with its profile and probe."""

    case: CaseId
    profile: Profile
    probe: Probe


NO_DIALECTS: Final[Mapping[Api, Dialect]] = MappingProxyType({})


def plan(
    target: Target, profiles: Sequence[str], suite: Suite, dialects: Mapping[Api, Dialect] = NO_DIALECTS
) -> tuple[Request, ...]:
    """The requests of a run, baseline requests first, both modes of a probe in succession.

    `profiles` are names from the catalogue. The APIs are those that the target lists, or else those of the profiles.
    The harness's own probes are sent in the target's `dialects`, the baseline requests of frameworks as captured.
    """
    merged: dict[Any, Request] = {}
    ids: set[str] = set()
    for planned in planned_cases(target, profiles, suite):
        request = _request(target, planned, dialects.get(planned.case.api, USUAL))
        alike = (
            request.method,
            request.url,
            request.headers,
            request.body,
            request.stage,
            request.disconnect_after_events,
            request.disconnect_after_s,
            request.reuse_connection,
            request.turns,
        )
        same = (alike, planned.probe.name if planned.probe.never_merge else "")
        if same in merged:
            cases = (*merged[same].cases, planned.case)
            merged[same] = _with(merged[same], cases=cases)
        else:
            merged[same] = _with(request, id=unique_id(request.id, ids))
    return tuple(merged.values())


def planned_cases(target: Target, profiles: Sequence[str], suite: Suite) -> Iterator[PlannedCase]:
    """Every test case of the suite, in the order of sending."""
    chosen = [p for p in catalogue.profiles() if p.name in profiles or spec(p.api).base_profile == p.name]
    for api in planned_apis(target, profiles):
        profiles_of_api = [p for p in chosen if p.api == api]
        for probe in sorted(_probes(api, suite), key=lambda probe: (probe.kind is not Kind.BASELINE, probe.name)):
            for number, profile in enumerate(_senders(probe, profiles_of_api, suite, profiles)):
                for mode in _modes(probe, profile, suite, is_first=number == 0):
                    yield PlannedCase(probe.case(profile.name, mode), profile, probe)


def _modes(probe: Probe, profile: Profile, suite: Suite, *, is_first: bool) -> tuple[Mode, ...]:
    """The modes in which a profile, the first of its API or another, sends a probe: those that it has a request in."""
    modes = tuple(mode for mode in probe.modes_in(suite) if mode in profile.requests)
    return modes if is_first or suite != "smoke" else tuple(mode for mode in DEFAULT_MODE if mode in modes) or modes


def next_turns(
    target: Target, profiles: Sequence[str], suite: Suite, requests: Sequence[Request], load: Callable[[str], Exchange]
) -> tuple[Request, ...]:
    """The requests that follow others: built from their exchanges, which `load` gives by ID."""
    due = (
        _next_request(target, before[0], case, probe.build_next(*(load(request.id) for request in before)))
        for before, case, probe in _followed(target, profiles, suite, requests)
        if probe.build_next
    )
    return tuple(request for request in due if request)


def _next_request(target: Target, request: Request, case: CaseId, built: Any) -> Request | None:
    """The request, or None if there is none: a client can't send a lone surrogate back either."""
    if built is None:
        return None
    if isinstance(built, tuple):
        there: dict[str, Any] = {"turns": built}
    elif isinstance(built, RawRequest):
        url, body = f"{url_of(target, case.api)}{built.path or ''}", built.body or b""
        there = {"method": built.method, "url": url, "body": body, "max_tokens": request.max_tokens if body else 0}
    else:
        try:
            there = {"body": to_json(built)}
        except UnicodeEncodeError:
            return None
    return _with(request, id=request_id(case), cases=(case,), stage=CONCURRENT_STAGE, **there)


def longest_next_turns(
    target: Target, profiles: Sequence[str], suite: Suite, requests: Sequence[Request]
) -> tuple[Request, ...]:
    """Requests that cost as much as those that follow others can: the longest response is a part of the prompt."""
    return tuple(
        _with(before[0], id=request_id(case), cases=(case,), max_tokens=2 * before[0].max_tokens)
        for before, case, _ in _followed(target, profiles, suite, requests)
    )


def _followed(
    target: Target, profiles: Sequence[str], suite: Suite, requests: Sequence[Request]
) -> Iterator[tuple[list[Request], CaseId, Probe]]:
    """The requests that another follows, with the case that follows and its probe."""
    sent = {case: request for request in requests for case in request.cases}
    apis = planned_apis(target, profiles)
    for probe in catalogue.probes():
        for mode in probe.modes_in(suite) if probe.follows and probe.api in apis else ():
            case = probe.case(spec(probe.api).base_profile, mode)
            found = (next((sent[c] for c in sent if _precedes(c, case, one)), None) for one in probe.follows)
            before = [request for request in found if request]
            if len(before) == len(probe.follows):
                yield before, case, probe


def _precedes(before: CaseId, case: CaseId, follows: Compare) -> bool:
    is_same = (before.api, before.profile, before.mode) == (case.api, case.profile, case.mode)
    return is_same and follows.matches(before.kind, before.subject, before.variant, before.repeat)


def again(request: Request, attempt: int = 2) -> Request:
    """The same request as a further attempt."""
    return _with(request, id=f"{request.id}.{attempt}", attempt=attempt)


def planned_apis(target: Target, profiles: Sequence[str]) -> tuple[Api, ...]:
    """The APIs that the target lists, or else those of the profiles: those with messages, of a profile that has any."""
    if target.apis:
        return target.apis
    apis_of_profiles = [[p.api for p in catalogue.profiles() if p.name == name] for name in profiles]
    usual = {api for apis in apis_of_profiles for api in [api for api in apis if api in CONVERSATIONAL] or apis}
    return tuple(api for api in APIS if api in usual)


def _probes(api: Api, suite: Suite) -> Iterable[Probe]:
    return (probe for probe in catalogue.probes() if probe.api == api and probe.modes_in(suite) and not probe.follows)


def _senders(probe: Probe, profiles_of_api: list[Profile], suite: Suite, profiles: Sequence[str]) -> Iterator[Profile]:
    """The profiles that send a probe: each framework, or the SDK, which also sends baseline requests for comparison."""
    for profile in profiles_of_api:
        is_sdk = profile.name == spec(profile.api).base_profile
        if probe.sent_by == "framework" and suite not in ("fields", "fuzz"):
            if profile.name in profiles or (is_sdk and suite != "smoke"):
                yield profile
        elif is_sdk:
            yield profile


def _request(target: Target, planned: PlannedCase, dialect: Dialect) -> Request:
    case, profile, probe = planned
    body = substitute_model(profile.requests[case.mode].body, target.model)
    payload: Any = probe.build_body(body, case.mode) if probe.build_body else body
    if probe.sent_by == "sdk":
        payload = in_dialect(payload, case.api, dialect, subject=probe.subject, shows_text=probe.shows_text)
    raw = probe.raw
    sent = (
        raw_body(raw, raw_in_dialect(raw.body, case.api, dialect), target.model)
        if raw and raw.body is not None
        else to_json(payload)
    )
    method = raw.method if raw else "POST"
    turns = tuple(_turn(turn, case.api, dialect) for turn in probe.build_turns(body)) if probe.build_turns else ()
    return Request(
        id=request_id(case),
        cases=(case,),
        method=method,
        url=address_of(target, profile, raw),
        headers=replaced(request_headers(target, profile, case.mode, dialect), raw.headers if raw else ()),
        body=b"" if method in ("GET", "DELETE") else sent,
        max_tokens=_most_tokens([turn.event for turn in turns], probe)
        or completion_token_bound(payload, probe.max_tokens) * (1 + probe.reuse_connection),
        stage=probe.stage,
        disconnect_after_events=probe.disconnect_after_events,
        disconnect_after_s=probe.disconnect_after_s,
        reuse_connection=probe.reuse_connection,
        turns=turns,
    )


def _most_tokens(events: Sequence[bytes], probe: Probe) -> int:
    return sum(completion_token_bound(json.loads(event), probe.max_tokens // len(events)) for event in events)


def _turn(turn: SocketTurn, api: Api, dialect: Dialect) -> Turn:
    event = in_dialect(turn.event, api, dialect, subject="", shows_text=True)
    return Turn(event=to_json(event), continues=turn.continues, patience_s=turn.patience_s)


def address_of(target: Target, profile: Profile, raw: RawRequest | None) -> str:
    """The URL of a request as a profile, or of one with a path of its own."""
    if raw is None or raw.path is None:
        return _with_query(url_of(target, profile.api) + profile.query, raw.query if raw else "")
    base = urlsplit(target.base_url)._replace(path="", query="").geturl() if raw.at_root else target.base_url
    return _with_query(base.rstrip("/") + raw.path.replace(MODEL, quote(target.model, safe="")), raw.query)


def _with_query(url: str, more: str) -> str:
    """The URL with more parameters in its query."""
    return f"{url}{'&' if urlsplit(url).query else '?'}{more}" if more else url


def completion_token_bound(payload: Any, otherwise: int) -> int:
    """The most completion tokens that a body allows: its own cap, or else `otherwise`, for each choice or candidate."""
    if not isinstance(payload, dict):
        return otherwise
    caps = [payload.get(name) for name in ("max_tokens", "max_completion_tokens", "max_output_tokens")]
    known = [cap for cap in caps if isinstance(cap, int) and not isinstance(cap, bool) and cap > 0]
    several = (payload.get(name) for name in ("n", "best_of"))
    most = max((number for number in several if isinstance(number, int) and 0 < number <= 128), default=1)
    return min(known, default=otherwise) * most * max(1, len(prompts_in(payload)))


def request_headers(target: Target, profile: Profile, mode: Mode, dialect: Dialect) -> Headers:
    """The profile's headers in its order, with the key where the dialect wants it; the target's replace or follow."""
    return replaced(_with_key_header(profile.headers(mode), dialect), target.headers.items())


def replaced(headers: Headers, changes: Iterable[tuple[str, str | None]]) -> Headers:
    """The headers with some replaced in place or appended; None removes one."""
    changed = dict(headers)
    names = {name.lower(): name for name in changed}
    for name, value in changes:
        as_sent = names.setdefault(name.lower(), name)
        if value is None:
            changed.pop(as_sent, None)
        else:
            changed[as_sent] = value
    return tuple(changed.items())


def _with_key_header(headers: Headers, dialect: Dialect) -> Headers:
    """The headers with the key in the header that the dialect names."""
    if dialect.key_header is None:
        return headers
    carried = (dialect.key_header, KEY_HEADERS[dialect.key_header])
    return tuple(carried if name.lower() in KEY_HEADERS else (name, value) for name, value in headers)


def substitute_model(value: Any, model: str) -> Any:
    """A copy of a body with `{model}` replaced; the caller may modify it."""
    if isinstance(value, dict):
        return {key: substitute_model(item, model) for key, item in value.items()}
    if isinstance(value, list):
        return [substitute_model(item, model) for item in value]
    return model if value == MODEL else value


def raw_body(raw: RawRequest, body: bytes, model: str) -> bytes:
    """The padded body with `{model}` replaced by the model's name, escaped as in a JSON string."""
    return b" " * raw.padding + body.replace(MODEL.encode(), to_json(model)[1:-1])


def to_json(value: Body | Any) -> bytes:
    """JSON as the SDKs send it: compact, UTF-8 (as httpx encodes it)."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()


def request_id(case: CaseId) -> str:
    """The ID of a test case's request, which is a file name, too."""
    readable = f"{case.probe}-{case.profile}-{case.mode}"
    return re.sub(r"[^A-Za-z0-9._-]", "_", readable)[:120]


def unique_id(name: str, taken: set[str]) -> str:
    """The ID, with a number if it is taken; it is taken then."""
    candidate = next(c for n in range(1, len(taken) + 2) if (c := name if n == 1 else f"{name}-{n}") not in taken)
    taken.add(candidate)
    return candidate


def _with(request: Request, **changes: Any) -> Request:
    return Request(**{name: getattr(request, name) for name in request.__struct_fields__} | changes)
