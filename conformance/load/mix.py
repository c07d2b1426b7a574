"""The mix: which request a virtual user sends in which turn. Pure: it follows from the run, the user and the turn."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import msgspec

from conformance import catalogue
from conformance.apis.in_dialect import in_dialect
from conformance.apis.load_prompts import COMPLETION_TOKENS, TOOL, UserTurn, missing_model, prompt, tool_schema
from conformance.apis.specs import generation, spec
from conformance.model.case import CaseId, Kind
from conformance.model.dialect import USUAL, Dialect
from conformance.model.exchange import Request
from conformance.model.profile import Profile
from conformance.model.sample import Phase, Task
from conformance.model.target import Target
from conformance.model.words import MODES, Api, Mode
from conformance.plan import address_of, completion_token_bound, planned_apis, request_headers, to_json
from conformance.probes.baseline import user_message
from conformance.probes.encoding import Offer, tools
from conformance.probes.tools import tool

TEXTS: Final = 6
"""Texts for each tool call and each mistake."""
ALONE: Final[Mapping[Task, int]] = {"text": 3, "tool": 2, "mistake": 1}
"""How many requests of each kind are sent one at a time before the load."""
ALONE_USER: Final = 0
"""The user who sends them; those under load are counted from 1."""
STRIDE: Final = 37
"""So that users in the same turn send different requests."""
OF_FRAMEWORK: Final = ("stream", "stream_options", "user", "metadata")
"""Fields of the framework's own body that are kept; its prompt and tools would make each request large."""
EVENTS_BEFORE_HANG_UP: Final = 3


class Job(NamedTuple):
    """What is sent: as which profile, in which mode, and for what."""

    profile: Profile
    mode: Mode
    task: Task


@dataclass(frozen=True, slots=True, kw_only=True)
class Mix:
    """What the users of a run send: its `jobs`, in turn. `hang_ups` is the share of texts whose client disconnects."""

    target: Target
    run: int
    jobs: tuple[Job, ...]
    dialects: Mapping[Api, Dialect]
    hang_ups: float = 0.0

    def alone(self) -> Iterator[Request]:
        """The requests before the load, which are sent one at a time, each kind in turn."""
        kinds = tuple(dict.fromkeys((job.profile.api, job.profile.name, job.mode, job.task) for job in self.jobs))
        by_kind = {(job.profile.api, job.profile.name, job.mode, job.task): job for job in self.jobs}
        due = [by_kind[kind] for number in range(max(ALONE.values())) for kind in kinds if number < ALONE[kind[3]]]
        return (self._request(job, UserTurn(self.run, ALONE_USER, turn), "alone") for turn, job in enumerate(due))

    def request(self, user: int, turn: int, phase: Phase = "load") -> Request:
        """What a user sends in a turn, under load or, the same again, after it."""
        job = self.jobs[(user * STRIDE + turn) % len(self.jobs)]
        return self._request(job, UserTurn(self.run, user, turn), phase)

    def _request(self, job: Job, sender: UserTurn, phase: Phase) -> Request:
        name = f"{phase}-u{sender.user:05}-t{sender.turn:05}"
        request = _request(self.target, job, name, sender.nonce, self.dialects.get(job.profile.api, USUAL))
        if phase != "load" or job.task != "text" or _share(request.nonce) >= self.hang_ups:
            return request
        events = EVENTS_BEFORE_HANG_UP if job.mode == "stream" else 0
        return msgspec.structs.replace(request, disconnect_after_events=events)


def jobs(target: Target, profiles: Sequence[str], modes: Sequence[Mode] = MODES) -> tuple[Job, ...]:
    """The jobs of a mix: texts as each profile in each mode, and tool calls and mistakes as the first of each API."""
    apis = loaded_apis(target, profiles)
    senders = [p for api in apis for p in catalogue.profiles() if p.api == api and p.name in profiles]
    firsts = {profile.api: profile for profile in reversed(senders)}
    texts = tuple(job for profile in senders for job in _jobs(profile, "text", modes))
    more = (job for api in apis for task in _tasks(api) for job in _jobs(firsts[api], task, modes))
    return _spread(texts * TEXTS, tuple(more))


def loaded_apis(target: Target, profiles: Sequence[str]) -> tuple[Api, ...]:
    """The APIs of a load test: those that generate text."""
    return tuple(api for api in planned_apis(target, profiles) if spec(api).generation)


def _spread(many: Sequence[Job], few: Sequence[Job]) -> tuple[Job, ...]:
    """Both, the few evenly among the many."""
    after = {(place + 1) * len(many) // len(few) - 1: job for place, job in enumerate(few)}
    return tuple(job for at, one in enumerate(many) for job in (one, after.get(at)) if job)


def _jobs(profile: Profile, task: Task, modes: Sequence[Mode]) -> Iterator[Job]:
    """A task in each of the modes in which the profile sends requests."""
    return (Job(profile, mode, task) for mode in modes if mode in profile.requests)


def _tasks(api: Api) -> tuple[Task, ...]:
    """What is sent besides texts: an API without messages has no tools."""
    return ("tool", "mistake") if generation(api).conversation else ("mistake",)


def _share(nonce: str) -> float:
    """A number from 0 to 1 that follows from a nonce, evenly spread."""
    return int.from_bytes(hashlib.blake2b(nonce.encode(), digest_size=4).digest()) / 2**32


def _request(target: Target, job: Job, name: str, nonce: str, dialect: Dialect) -> Request:
    profile, mode, task = job
    phase = name.partition("-")[0]
    body = in_dialect(_body(target, job, nonce), profile.api, dialect, subject="", shows_text=True)
    if dialect.reasons:  # models that reason refuse it
        body.pop("temperature", None)
    return Request(
        id=f"{name}-{profile.api}-{profile.name}-{mode}-{task}",
        cases=(CaseId(profile.api, profile.name, mode, Kind.USERS, task, phase),),
        method="POST",
        url=address_of(target, profile, None),
        headers=request_headers(target, profile, mode, dialect),
        body=to_json(body),
        max_tokens=completion_token_bound(body, COMPLETION_TOKENS),
        nonce=nonce,
    )


def _body(target: Target, job: Job, nonce: str) -> dict[str, Any]:
    """A short prompt of ours in the framework's manner."""
    profile, mode, task = job
    captured = profile.requests[mode].body
    limits = generation(profile.api)
    cap = next((name for name in limits.caps if name in captured), limits.cap)
    noted = tool(TOOL, "Note a word.", tool_schema(nonce))
    return {
        "model": missing_model(nonce) if task == "mistake" else target.model,
        **user_message(profile.api, prompt(nonce, task)),
        **{name: captured[name] for name in OF_FRAMEWORK if name in captured},
        cap: COMPLETION_TOKENS,
        "temperature": 0,
        **(tools(profile.api, Offer((noted,), "required")) if task == "tool" else {}),
    }
