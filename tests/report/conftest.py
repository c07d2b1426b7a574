from dataclasses import replace
from types import SimpleNamespace

import pytest

from conformance import catalogue
from conformance.judging import judge
from conformance.model.case import named_case
from conformance.model.criteria import ALL_RULES, Criteria
from conformance.model.exchange import Ending
from conformance.model.run import RunManifest
from conformance.model.target import Policy, Prices, Target
from conformance.model.words import MODES
from conformance.report import build
from conformance.report.failures import Recording
from conformance.rules.example import HELLO, answered, completion, exchange, http, sse

PROFILES = ("hermes", "langgraph", "letta")


def silent_json(mode):
    return answered(completion(), mode=mode)


def native(mode):
    if mode == "unary":
        return answered(completion(), mode=mode)
    return exchange(http(200, [("content-type", "text/event-stream")], sse(*HELLO)), mode=mode)


def hostile(mode):
    """All kinds of bytes that must not reach a terminal, a page or an XML document unescaped."""
    label = ("content-type", "text/\x1b[31mred\x1b]0;owned\x07[bold]x[/bold]")
    return exchange(http(200, [label], b"\x00\xff\x1b[2J data \xe2\x80\xae"), mode=mode)


def nobody_home(mode):
    return answered({"detail": "Not Found"}, status=404, mode=mode)


def gateway_down(mode):
    return exchange(http(502, [("content-type", "text/html")], b"<html>Bad Gateway</html>"), mode=mode)


def gone_half_way(mode):
    if mode == "unary":
        return native(mode)
    return exchange(b"", mode=mode, ending=Ending("unreachable", "connect", 0, "the connection was refused"))


def recording(reply, profiles=PROFILES, **facts):
    exchanges = {}
    for profile in profiles:
        for mode in MODES:
            x = reply(mode)
            name = f"chat.hello-{profile}-{mode}"
            exchanges[name] = replace(x, id=name, case=named_case("chat.hello", profile, mode), cache={})
    target = Target(
        name="staging",
        base_url="https://api.example/v1",
        model="m-1",
        key_env="KEY",
        policy=Policy(),
        prices=Prices(request=0.018),
    )
    facts = {"started": "2026-11-22T12:00:00Z", "duration_s": 1.25, "planned": tuple(exchanges)} | facts
    return SimpleNamespace(
        facts=RunManifest(tool="test", target=target, suite="gate", profiles=profiles, **facts),
        load=exchanges.__getitem__,
        ids=tuple(exchanges),
        evidence=Recording(exchanges.__getitem__, target, "runs/one"),
    )


def report_of(made, **criteria):
    by = Criteria(**criteria)
    judgement = judge(made.facts, made.load, made.ids, catalogue=catalogue.selected(by.rules))
    return build.build_report(made.facts, judgement, made.load, by)


@pytest.fixture(params=[silent_json, native, hostile], ids=lambda reply: reply.__name__)
def run(request):
    """A recording of each kind, and its report."""
    made = recording(request.param)
    return SimpleNamespace(report=report_of(made), evidence=made.evidence, kind=request.param.__name__)


@pytest.fixture
def record():
    """Makes a recording of a response, and its report."""

    def make(reply, waivers=(), *, rules=ALL_RULES, fail_on=(), strict=False, **facts):
        made = recording(globals()[reply], **facts)
        return SimpleNamespace(
            report=report_of(made, waivers=tuple(waivers), rules=rules, fail_on=fail_on, strict=strict),
            evidence=made.evidence,
        )

    return make
