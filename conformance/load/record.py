"""Record a load test: some requests alone, then those of many users at once, then some alone again."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Final

import anyio
import msgspec

from conformance import catalogue
from conformance.apis.load_samples import to_repeat
from conformance.cost import Budget
from conformance.load.engine import Engine, running
from conformance.load.judging import holds
from conformance.load.locust_process import LocustOptions, linked
from conformance.load.merging import Merged
from conformance.load.mix import loaded_apis
from conformance.load.options import LoadOptions
from conformance.load.part import Part
from conformance.load.recorder import Activity, LoadProgress, LoadStore, OnProgress, Recorder
from conformance.load.shape import Stages, duration, users_at
from conformance.load.steps import next_step
from conformance.model.load import LoadSecond, LoadStep
from conformance.model.run import RunManifest
from conformance.model.sample import Population
from conformance.run_facts import with_facts
from conformance.set_up.asking import FirstResponses, first_requests
from conformance.transport.session import Session

TICK_S: Final = 0.1
PATIENCE_S: Final = 20.0
"""How long rejections after the load may let the harness wait, in all."""


async def record_load(options: LoadOptions, store: LoadStore, on_progress: OnProgress = lambda _: None) -> RunManifest:
    """Send the requests of a load test, and record it; writes and returns the run's facts.

    It stops after the preflight if that shows that the target can't be tested. Cancellation (Ctrl-C) keeps what was
    recorded, and writes the facts as `interrupted` before it propagates.
    """
    recorder = Recorder(options=options, store=store, on_progress=on_progress, started=datetime.now(UTC))
    return await with_facts(recorder, store, lambda: _record(recorder))


async def _record(recorder: Recorder) -> None:
    try:
        await _send(recorder)
    finally:
        recorder.write()


async def _send(recorder: Recorder) -> None:
    recorder.on_progress(LoadProgress("preflight"))
    found = await _preflight(recorder)
    recorder.dialects = found.dialects
    recorder.stopped, recorder.reason = found.mistake
    if recorder.stopped:
        return
    async with running(recorder.part(), recorder.options.run.key, recorder.keep, recorder.options.sampling) as engine:
        recorder.on_progress(LoadProgress("alone"))
        await engine.one_at_a_time(engine.mix.alone())
        await engine.outbox.emptied()
        if not recorder.outcomes["complete"]:
            recorder.left_out["load"] = "no response before the load was complete"
            return
        engine.budget.kept_back = replace(engine.budget)  # for the requests after the load
        recorder.outcomes.clear()
        await _load(recorder, engine)
        recorder.on_progress(recorder.progress(engine, "judging"))
        await engine.outbox.emptied()
        recorder.write()
        recorder.on_progress(recorder.progress(engine, "after"))
        engine.budget.kept_back = None
        again = [
            engine.mix.request(sample.user, sample.turn, "after") for sample in to_repeat(recorder.store.samples())
        ]
        await engine.one_at_a_time(again, PATIENCE_S)
        await engine.outbox.emptied()


async def _preflight(recorder: Recorder) -> FirstResponses:
    """Send the first requests, and store their exchanges."""
    run = recorder.options.run
    asking = first_requests(run.target, loaded_apis(run.target, run.profiles), run.limits.timeout_s)
    async with Session(
        key=run.key, limits=run.limits, secrets=run.secrets, unix_socket=run.unix_socket, trust=run.trust
    ) as session:
        try:
            due = next(asking)
            while True:
                due = asking.send(recorder.stored(await session.exchange(due)))
        except StopIteration as over:
            found: FirstResponses = over.value
            return found


async def _load(recorder: Recorder, engine: Engine) -> None:
    """Send the load, and wait for the last responses."""
    if recorder.options.locust:
        await _load_by_locust(recorder, engine)
        return
    recorder.began_ns[engine.part.worker] = engine.now_ns()
    try:
        if recorder.options.in_steps:
            await _load_in_steps(recorder, engine)
        else:
            await _load_here(recorder, engine, recorder.options.stages)
    finally:
        recorder.loaded_s = recorder.loaded_s or recorder.since_load(engine)
        recorder.seconds, recorder.not_sent = engine.seconds, engine.not_sent
        recorder.ended_early = engine.reason


async def _load_here(recorder: Recorder, engine: Engine, stages: Stages) -> None:
    """Let the users of this process come and go as the stages say."""
    began = anyio.current_time()

    async def drive() -> None:
        while (users := users_at(stages, anyio.current_time() - began)) is not None and not engine.over.is_set():
            engine.set_users(users)
            recorder.on_progress(recorder.progress(engine, "load", anyio.current_time() - began))
            left = duration(stages) - (anyio.current_time() - began)
            # Not within `move_on_after`: Ctrl-C is lost if it comes as the time is up, since asyncio delivers only one
            # of two cancellations.
            await anyio.sleep(min(TICK_S, max(0.0, left)))
        recorder.loaded_s = recorder.since_load(engine)
        recorder.on_progress(recorder.progress(engine, "waiting"))

    await engine.load(drive)


async def _load_in_steps(recorder: Recorder, engine: Engine) -> None:
    """Try one number of users after the other."""
    (stage,) = recorder.options.stages
    tried: dict[int, bool] = {}
    rules = catalogue.selected(recorder.options.rules, catalogue.of_users)
    alone = [sample for sample in recorder.store.samples() if sample.phase == "alone"]
    while (users := next_step(tried, stage.users)) is not None and not engine.over.is_set():
        began_s, recorder.latest = recorder.since_load(engine), []
        engine.seconds += [LoadSecond(users=0)] * (int(began_s) - len(engine.seconds))  # between two loads
        await _load_here(recorder, engine, (msgspec.structs.replace(stage, users=users),))
        await engine.outbox.emptied()
        recorder.steps.append(LoadStep(users=users, began_s=began_s, ended_s=recorder.since_load(engine)))
        population = Population((*alone, *recorder.latest), recorder.shapes)
        tried[users] = await anyio.to_thread.run_sync(holds, population, rules)


async def _load_by_locust(recorder: Recorder, engine: Engine) -> None:
    """Let Locust send the load, within what the requests before and after it leave of the bounds."""
    options, part = recorder.options, _remaining(engine.part, engine.budget)
    began: float | None = None

    def show(merged: Merged) -> None:
        nonlocal began
        activity: Activity = "load" if merged.users or began is None else "waiting"
        if began is None and merged.users:
            began = anyio.current_time()
        seconds = 0.0 if began is None else anyio.current_time() - began
        if activity == "load":
            recorder.loaded_s = seconds
        mine = recorder.progress(engine, activity, seconds)
        recorder.on_progress(mine._replace(users=merged.users, sent=merged.sent, in_progress=merged.in_progress))

    async with linked(options.locust or LocustOptions(), part, options.stages) as link:
        await link.begin(part)
        merged = await link.receive(show, recorder.keep)
    recorder.processes, recorder.users = len(merged.latest), merged.most_users
    recorder.began_ns |= merged.began_ns
    recorder.seconds = list(merged.all_seconds())
    recorder.not_sent, recorder.ended_early = merged.not_sent, merged.reason


def _remaining(part: Part, budget: Budget) -> Part:
    """The part with the bounds that are left for the load."""
    later = budget.kept_back or Budget(target=part.target)
    requests, tokens, cost = (budget.requests + later.requests, budget.tokens + later.tokens, budget.cost + later.cost)
    return msgspec.structs.replace(
        part,
        max_requests=None if part.max_requests is None else max(0, part.max_requests - requests),
        max_tokens=None if part.max_tokens is None else max(0, part.max_tokens - tokens),
        max_cost=None if part.max_cost is None else max(0.0, part.max_cost - cost),
    )
