"""Real frameworks through the proxy's relay: each gets what it gets without, and each exchange is one of its requests.

Those that `make fidelity-quick` installs; those that are not installed are skipped.
"""

from contextlib import asynccontextmanager, contextmanager

import pytest
from anyio.from_thread import start_blocking_portal
from environments import ENVIRONMENTS
from measure import driven
from scenes import scenes
from stage import playing

from conformance.model.words import CONVERSATIONAL
from conformance.recordings.entry import Entry
from conformance.recordings.proxied import entry_of
from conformance.transport.limits import Limits
from conformance.transport.relay import relaying
from conformance.transport.upstream import upstream

TRIES = 2
"""On a busy machine one attempt of an SDK has not arrived, without the proxy: a difference is confirmed once."""
SCENES = ("native-sse", "silent-json", "501_json_error", "sse_trunc_event_boundary")


@asynccontextmanager
async def _relays(urls, passed):
    """A relay in front of each URL, one after the other; yields their URLs."""
    if not urls:
        yield []
        return
    limits = Limits(post_response_s=0.02)
    async with (
        relaying(upstream(urls[0]), on_exchange=passed.append, limits=limits) as relay,
        _relays(urls[1:], passed) as rest,
    ):
        yield [f"http://127.0.0.1:{relay.port}/v1", *rest]


@contextmanager
def relayed(urls, passed):
    with (
        start_blocking_portal("asyncio") as portal,
        portal.wrap_async_context_manager(_relays(urls, passed)) as addresses,
    ):
        yield addresses


def surfaces(environment):
    """The surfaces of the APIs that have these scenes."""
    return {name: one for name, one in environment.surfaces.items() if one[1] in CONVERSATIONAL}


def jobs(environment, urls):
    for number, (surface, (client, api, modes)) in enumerate(surfaces(environment).items()):
        for mode in modes:
            for scene, url in zip(SCENES, urls[api], strict=True):
                job = {"id": f"{number}|{scene}|{mode}", "surface": surface, "mode": mode, "client": client, "api": api}
                yield job | {"url": url}


def played(environment, urls, stages):
    """What each job's user got, and how many requests each stage had."""
    before = [len(stage.exchanges) for stage in stages]
    got = seen(driven(environment, list(jobs(environment, urls))))
    return got, [len(stage.exchanges) - earlier for stage, earlier in zip(stages, before, strict=True)]


@pytest.mark.verify
@pytest.mark.parametrize("environment", [one for one in ENVIRONMENTS if one.quick], ids=lambda one: one.name)
def test_a_framework_gets_the_same_through_the_proxy(environment):
    if not (environment.folder / "stamp").exists():
        pytest.skip("not installed: make fidelity-quick installs it")
    apis = sorted({api for _, api, _ in surfaces(environment).values()})
    passed, expected = [], 0
    with playing([scenes(api)[name] for api in apis for name in SCENES]) as stages:
        urls = [stage.url for stage in stages]
        for _ in range(TRIES):
            direct = played(environment, by_api(apis, urls), stages)
            with relayed(urls, passed) as addresses:
                proxied = played(environment, by_api(apis, addresses), stages)
            expected += sum(proxied[1])
            if proxied == direct:
                break
    assert proxied == direct
    entries = [one for one in (entry_of(x, "stage") for x in passed) if isinstance(one, Entry)]
    assert len(entries) == expected
    assert {one.model for one in entries} == {"reference"}
    assert all(one.client for one in entries)


def seen(said):
    """What each job's user got: text, tool calls, and whether there was an error."""
    return {name: (one["text"], one["tools"], bool(one["error"])) for name, one in said.items()}


def by_api(apis, urls):
    return {api: urls[at * len(SCENES) : (at + 1) * len(SCENES)] for at, api in enumerate(apis)}
