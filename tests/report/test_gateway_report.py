"""Reports of a run through a gateway: both sides in every format, in plain words, with bytes that a person can find."""

import json
import re
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from types import SimpleNamespace
from xml.etree import ElementTree as ET

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from conformance.catalogue import installed
from conformance.gateway.judging import judge_pairs, pairs
from conformance.gateway.selftest import run_through
from conformance.model.exchange import Ending, Origin, Pair
from conformance.model.target import GatewayPolicy, Policy
from conformance.report import both_sides, build, gateway_policy, pair_timeline
from conformance.report.failures import Recording
from conformance.report.formats import html, terminal
from conformance.report.formats.pair_view import view
from conformance.report.formats.registry import FORMATS
from conformance.report.gateway_build import reported
from conformance.report.gateway_fields import counted, field_table, records_by_lane
from conformance.rules.example import answered, completion, error
from conformance.rules.gw.example import ASKED, both, forwarded
from conformance.rules.gw.lane_example import BY_CHAT, BY_MESSAGES, messages_by_chat
from conformance.schemas import load as schema
from conformance.testbed.gateway import changes

REPEATED = "chat.gateway.cache.again"
LOST = {name: value for name, value in ASKED.items() if name != "max_tokens"}


@cache
def run(name="cap-dropped", policy=None):
    made = run_through(changes.find(name), apis=("chat",), suite="smoke", policy=policy)
    load = made.store.exchange
    found = pairs(load, made.store.ids())
    report = build.build_report(made.facts, made.judgement, load, both_sides=reported(made.facts, found))
    return SimpleNamespace(
        facts=made.facts, report=report, evidence=Recording(load, made.facts.target, "runs/one"), pairs=found
    )


def failing():
    """The verdict of GW001 that is shown: its exchange with the gateway, and the one upstream."""
    failed = [v for v in run().report.verdicts if v.rule == "GW001" and v.counts]
    client = both_sides.clearest(failed, run().report, run().evidence.load).exchanges[0]
    return client, f"{client}.upstream-1"


def test_the_first_lines_say_what_was_tested_and_how_many_requests_arrived():
    first, second, *_ = terminal.text(run().report, run().evidence).splitlines()
    assert first.startswith("NOT CONFORMANT  both sides of cap-dropped")
    assert "upstream at port " in first
    assert re.fullmatch(r"The client sent (\d+) requests? to the gateway; \1 arrived upstream, each once\.", second)


def test_the_json_report_has_the_gateway_s_part_as_its_schema_says():
    value = json.loads(FORMATS["json"](run().report, run().evidence))
    errors = Draft202012Validator(schema("report"), format_checker=FormatChecker()).iter_errors(value)
    assert [f"{list(e.absolute_path)}: {e.message}" for e in errors] == []
    part = value["gateway"]
    assert part["arrived"] == len(part["requests"]) == value["requests"]
    assert {len(one["upstream"]) for one in part["requests"]} == {1}
    assert {(lane["client"], lane["upstream"]) for lane in part["lanes"]} == {("chat", "chat")}


def test_a_failure_names_both_requests_the_file_upstream_and_commands_that_repeat_it():
    client, upstream = failing()
    text = terminal.text(run().report, run().evidence)
    for words in (
        *(
            "observed          `max_",
            "was sent",
            f"sent              {client}\n",
            f"arrived           {upstream} (at upstream 1 ",
        ),
        *(f"runs/one/exchanges/{upstream}/sent.bin", "upstream          conformance upstream --port ", "curl -sSgiN"),
    ):
        assert words in text


@pytest.mark.parametrize("name", ["terminal", "markdown", "junit", "sarif", "github", "html", "json"])
def test_every_format_names_the_exchanges_on_both_sides(name):
    client, upstream = failing()
    made = run()
    render = FORMATS.get(name, lambda *given: terminal.text(*given).encode())
    text = render(made.report, made.evidence).decode()
    assert client in text.replace(upstream, "")
    assert upstream in text


def test_junit_is_a_document_and_sarif_points_at_the_request_as_it_arrived():
    made = run()
    document = ET.fromstring(FORMATS["junit"](made.report, made.evidence))  # noqa: S314 - our own
    assert document.tag == "testsuites"
    result = json.loads(FORMATS["sarif"](made.report, made.evidence))["runs"][0]["results"][0]
    uris = [place["physicalLocation"]["artifactLocation"]["uri"] for place in result["relatedLocations"]]
    assert f"exchanges/{failing()[1]}/sent.bin" in uris


def test_the_archive_has_both_sides_in_the_order_of_time():
    made = run()
    entries = json.loads(FORMATS["har"](made.report, made.evidence))["log"]["entries"]
    places = {entry["comment"].split(":")[0]: entry for entry in entries}
    client, upstream = (places[name] for name in failing())
    assert client["startedDateTime"] <= upstream["startedDateTime"]
    assert client["request"]["url"].startswith("http://127.0.0.1:")
    assert upstream["request"]["url"].startswith(f"http://127.0.0.1:{run().report.gateway.ports[0]}/")


# The page


class Page(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))


def test_the_page_shows_the_request_as_sent_and_as_it_arrived_with_the_lost_field_marked():
    page = html.run_page(run().report, run().evidence)
    sides = page[page.index('class="both-sides"') :]
    left, right = sides.index("as the client sent it"), sides.index("as it arrived")
    assert "max_tokens" in sides[left:right] or "max_completion_tokens" in sides[left:right]
    assert "<mark>" in sides[left:right]
    assert "Both sides of the gateway" in page


def test_two_rules_that_fail_on_one_request_show_its_bytes_once():
    page = html.run_page(run().report, run().evidence)
    ids = [attrs["id"] for _, attrs in parsed(page).tags if attrs.get("id")]
    assert len(ids) == len(set(ids))


def parsed(text):
    page = Page()
    page.feed(text)
    return page


def judged(*seen):
    """A run of one request, with both sides given."""
    named = {x.id if x.hop == "upstream" else "example": x for x in seen}
    judgement = judge_pairs(run().facts, named.__getitem__, tuple(named), installed())
    found = pairs(named.__getitem__, tuple(named))
    report = build.build_report(run().facts, judgement, named.__getitem__, both_sides=reported(run().facts, found))
    return report, Recording(named.__getitem__, run().facts.target, "runs/one")


def test_what_a_gateway_or_its_client_sends_is_shown_and_runs_nothing():
    evil = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>\x1b[31m\u202e"
    sent, got = ASKED | {evil: evil}, [("content-type", "application/json"), ("x-evil", evil)]
    seen = both(answered({"evil": evil}, body=sent, headers=got), answered(completion(), body=ASKED))
    page = html.run_page(*judged(*seen))
    assert "x-evil" in page
    assert [tag for tag, _ in parsed(page).tags].count("script") == 1
    assert "img" not in {tag for tag, _ in parsed(page).tags}
    assert "\x1b" not in page
    assert "\u202e" not in page


def test_if_nothing_arrived_the_page_and_the_terminal_say_so():
    client = forwarded(ASKED, LOST)
    alone = (replace(client[0], received=b"HTTP/1.1 200 x\r\ncontent-length: 0\r\n\r\n"),)
    report, evidence = judged(*alone)
    assert "did not arrive" in terminal.text(report, evidence)
    assert "nothing arrived upstream" in html.run_page(report, evidence)


def test_a_request_that_is_compared_with_another_is_shown_beside_it():
    client, arrived = forwarded(ASKED, ASKED)
    other = (replace(client, id="other"), replace(arrived, id="other.upstream-1", sent=arrived.sent + b" "))
    shown = view(Pair(client, (arrived,)), "both-1", Pair(other[0], other[1:]))
    assert [one.title for one in shown.comparisons] == [
        *("Request", "Response", "Two requests upstream", "Two responses to the client")
    ]
    assert {one.right.title for one in shown.comparisons[2:]} == {"other"}


# The clock


def attempts(*endings):
    client, *upstream = both(
        replace(answered(completion(), body=ASKED), began_ns=5_000_000, ending=Ending("idle", "after", 90_000_000)),
        *(answered(error(), status=503, body=ASKED) for _ in endings),
    )
    timed = [
        replace(x, began_ns=(10 + 30 * at) * 1_000_000, ending=ending, origin=Origin(host="upstream 1"))
        for at, (x, ending) in enumerate(zip(upstream, endings, strict=True))
    ]
    return Pair(client, tuple(timed))


def test_both_sides_are_reported_on_one_clock_with_the_end_of_each_connection():
    pair = attempts(Ending("closed", "after", 2_000_000), Ending("hung-up", "body", 20_000_000))
    client, first, second = pair_timeline.steps(pair)
    assert client.words.startswith("request sent at 0 ms")
    assert first.name == "attempt 1"
    assert first.words == (
        "request arrived at upstream 1 at 5 ms, upstream sent 503 from 6 ms, complete; "
        "the upstream closed the connection at 7 ms"
    )
    assert second.words.endswith("the gateway closed the connection at 55 ms")
    drawn = pair_timeline.svg(pair)
    assert [drawn.count(name) for name in ("client", "attempt 1", "attempt 2", "attempt 3")] == [1, 1, 1, 0]


# The fields


@pytest.mark.parametrize(
    ("sent", "arrived", "field", "verdict"),
    [
        ({"stop_sequences": ["END"]}, {"stop": ["END"]}, "stop_sequences", "mapped"),
        ({"stop_sequences": ["END"]}, {"stop": ["STOP"]}, "stop_sequences", "changed"),
        ({"temperature": 0.5}, {"temperature": 0.5}, "temperature", "equal"),
        ({"top_k": 3}, {}, "top_k", "dropped"),
        ({"metadata": {"user_id": "a"}}, {"user": "a"}, "metadata.user_id", "mapped"),
    ],
)
def test_a_field_of_another_api_is_found_under_its_name_there(sent, arrived, field, verdict):
    client, *upstream = messages_by_chat(BY_MESSAGES | sent, BY_CHAT | arrived)
    table = field_table(records_by_lane([Pair(client, tuple(upstream))], GatewayPolicy()))
    assert {(one.client, one.upstream): one.verdict for one in table if one.field == field} == {
        ("messages", "chat"): verdict
    }


# The policy


def states(policy, *seen):
    found = [Pair(one[0], one[1:]) for one in seen]
    fields = counted(records_by_lane(found, policy))
    return {one.line: one.state for one in gateway_policy.lines(policy, found, fields)}


@pytest.mark.parametrize(
    ("policy", "seen", "line", "state"),
    [
        ({"dropped": ("max_tokens",)}, forwarded(ASKED, LOST), "dropped: max_tokens", "used"),
        ({"dropped": ("max_*",)}, forwarded(ASKED, ASKED), "dropped: max_*", "stale"),
        ({"dropped": ("seed",)}, forwarded(ASKED, ASKED), "dropped: seed", "untried"),
        ({"added": ("user",)}, forwarded(ASKED, ASKED | {"user": "a"}), "added: user", "used"),
        ({"added": ("user",)}, forwarded(ASKED, ASKED), "added: user", "stale"),
        ({"model": "other"}, forwarded(ASKED, ASKED | {"model": "other"}), "model: other", "used"),
        ({"model": "other"}, forwarded(ASKED, ASKED), "model: other", "stale"),
        ({"retries": 2, "retry_on": (503,)}, attempts(*[Ending("closed", "after", 1)] * 2), "retries: 2", "used"),
        ({"retries": 2, "retry_on": (503,)}, attempts(Ending("closed", "after", 1)), "retries: 2", "stale"),
        ({"retries": 2, "retry_on": (429, 503)}, attempts(Ending("closed", "after", 1)), "retry_on: 503", "stale"),
        ({"retries": 2, "retry_on": (429, 503)}, attempts(Ending("closed", "after", 1)), "retry_on: 429", "untried"),
        ({"retries": 2}, attempts(*[Ending("closed", "after", 1)] * 2), "retries: 2", "used"),
        ({"retries": 2}, attempts(Ending("closed", "after", 1)), "retries: 2", "stale"),
        ({"prompt": True}, forwarded(ASKED, ASKED), "prompt: true", "stale"),
        ({"cache": True}, forwarded(ASKED, ASKED), "cache: true", "untried"),
        ({"cache": True}, forwarded(ASKED, ASKED, probe=REPEATED), "cache: true", "stale"),
        ({"cache": True}, both(answered(completion(), probe=REPEATED)), "cache: true", "used"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_line_of_the_policy_is_used_stale_or_untried(policy, seen, line, state):
    seen = (seen.client, *seen.upstream) if isinstance(seen, Pair) else seen
    assert states(GatewayPolicy(**policy), seen)[line] == state


def test_every_line_that_a_policy_can_have_is_known_to_the_report():
    lists = {"dropped", "changed", "added", "headers", "retry_on"}
    assert lists | set(gateway_policy.USES) == set(GatewayPolicy.__struct_fields__)


def test_a_field_that_is_changed_here_and_added_there_needs_both_lines():
    policy = GatewayPolicy(changed=("seed",), added=("seed",))
    seen = (forwarded(ASKED | {"seed": 1}, ASKED | {"seed": 2}), forwarded(ASKED, ASKED | {"seed": 2}))
    assert states(policy, *seen) == {"changed: seed": "used", "added: seed": "used"}


def test_a_stale_line_is_reported_in_the_first_lines():
    policy = Policy(gateway=GatewayPolicy(dropped=("max_tokens", "max_completion_tokens", "messages")))
    text = terminal.text(run(policy=policy).report, run(policy=policy).evidence)
    assert "Stale in the gateway policy, as no request needed it: `dropped: messages`" in text
