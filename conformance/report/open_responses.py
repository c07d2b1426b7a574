"""Which of the acceptance tests of Open Responses the target would pass: each is a test case of ours, and its rules.

The tests are those of https://www.openresponses.org/compliance, 17 as of November 2026. Each of them needs a status
of 200, a response that matches the schema, and what its name says. What is untestable for us, such as a response that
reached our token cap, is not counted as passed.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from msgspec import UNSET, UnsetType
from rich.console import Console
from rich.text import Text

from conformance import catalogue
from conformance.model.case import Kind
from conformance.model.verdict import Status, Verdict
from conformance.model.words import SUITES, Mode, Suite
from conformance.report.document import OfficialOutcome, OfficialTest, Report, ReportOpenResponses
from conformance.report.escaping import safe
from conformance.report.lines import print_labelled

SHAPE: Final = "RSP031"
EVENTS: Final = "RSP032"
COMPLETED: Final = "RSP033"
LABEL: Final = "open responses"
NO_WEBSOCKET: Final = "the target accepts WebSocket, which the harness does not speak"
LOCAL: Final = "it sends no request: it validates a fixture of its own"
FAILED: Final = (Status.FAIL, Status.NOT_APPLICABLE)
"""A rule fails, or what the test asks for is rejected or not offered."""
OUTCOMES: Final[Mapping[OfficialOutcome, str]] = {
    "pass": "would pass",
    "fail": "would fail",
    "not-tested": "not tested",
}


class OpenTest(NamedTuple):
    """One acceptance test: its name, our test case of the same form, and the rules that decide what it asserts.

    `why` says why there is no such case; `is_local`: the test passes whatever the target does. Of a test that needs
    more than its rules show, `why` says so: it fails with them, and is not tested otherwise.
    """

    name: str
    kind: Kind = Kind.ACCEPTED_FORM
    subject: str = ""
    mode: Mode = "unary"
    rules: tuple[str, ...] = ()
    why: str = ""
    is_local: bool = False


def _form(name: str, subject: str) -> OpenTest:
    """A test of a request in some form: the response is completed, and has output."""
    return OpenTest(name, subject=subject, rules=(COMPLETED, SHAPE))


def _over_websocket(name: str) -> OpenTest:
    """A test over WebSocket, of which only the handshake is tried."""
    return OpenTest(f"websocket-{name}", Kind.WEBSOCKET, rules=("RSP042",), why=NO_WEBSOCKET)


TESTS: Final = (
    _form("basic-response", "typed"),
    _form("assistant-phase", "phase"),
    OpenTest("response-output-phase-schema", why=LOCAL, is_local=True),
    OpenTest("streaming-response", subject="typed", mode="stream", rules=(COMPLETED, SHAPE, EVENTS)),
    *map(_over_websocket, ("response", "sequential-responses", "continuation", "reconnect-store-false-recovery")),
    *map(_over_websocket, ("previous-response-not-found", "failed-continuation-evicts-cache", "compact-new-chain")),
    _form("system-prompt", "system"),
    OpenTest("tool-calling", Kind.TOOLS, "auto", rules=("TOOL023", SHAPE)),
    _form("image-input", "image"),
    _form("multi-turn", "turns"),
    OpenTest("compact-response", Kind.COMPACT, rules=("RSP034",)),
    OpenTest("compact-missing-model", Kind.COMPACT, "no-model", rules=("RSP035",)),
)
"""The tests in their order. The first rule that failed gives the reason, or else the first that is undecided."""


def reported(verdicts: Iterable[Verdict], suite: Suite) -> ReportOpenResponses | UnsetType:
    """What each test would say, by the verdicts of a run; UNSET if the run had none of these test cases."""
    wanted = {(test.kind, test.subject, test.mode) for test in TESTS if test.rules}
    seen: dict[tuple[Kind, str, Mode], dict[str, Verdict]] = {}
    for verdict in verdicts:
        place = (verdict.case.kind, verdict.case.subject, verdict.mode)
        if verdict.api == "responses" and place in wanted:
            seen.setdefault(place, {})[verdict.rule] = verdict
    if not seen or all(_is_absent(found.values()) for found in seen.values()):
        return UNSET
    tests = tuple(_judged(test, seen.get((test.kind, test.subject, test.mode), {}), suite) for test in TESTS)
    return ReportOpenResponses(passed=sum(test.outcome == "pass" for test in tests), of=len(tests), tests=tests)


def _is_absent(verdicts: Iterable[Verdict]) -> bool:
    return all(verdict.status is Status.NOT_APPLICABLE for verdict in verdicts)


def _judged(test: OpenTest, found: Mapping[str, Verdict], suite: Suite) -> OfficialTest:
    if not test.rules:
        return OfficialTest(name=test.name, outcome="pass" if test.is_local else "not-tested", why=test.why)
    if not found:
        return OfficialTest(name=test.name, outcome="not-tested", why=_unsent(test, suite))
    of_rules = [found.get(rule) for rule in test.rules]
    failed = next((verdict for verdict in of_rules if verdict and verdict.status in FAILED), None)
    undecided = next((verdict for verdict in of_rules if verdict and verdict.status is not Status.PASS), None)
    if shown := failed or undecided:
        outcome: OfficialOutcome = "fail" if failed else "not-tested"
        why, exchange = safe(shown.message), shown.exchanges[0]
        return OfficialTest(name=test.name, outcome=outcome, why=why, rule=shown.rule, exchange=exchange)
    if missing := [rule for rule, verdict in zip(test.rules, of_rules, strict=True) if not verdict]:
        why = f"the rule {missing[0]} did not judge the response"
        return OfficialTest(name=test.name, outcome="not-tested", why=why, rule=missing[0])
    exchange = found[test.rules[0]].exchanges[0]
    return OfficialTest(name=test.name, outcome="not-tested" if test.why else "pass", why=test.why, exchange=exchange)


def _unsent(test: OpenTest, suite: Suite) -> str:
    """Why there is no exchange: the suite does not send the request, or it was left out."""
    probes = [p for p in catalogue.probes() if (p.api, p.kind, p.subject) == ("responses", test.kind, test.subject)]
    if any(test.mode in probe.modes_in(suite) for probe in probes):
        return "its request was not sent"
    sent_in = next((larger for larger in SUITES if any(test.mode in p.modes_in(larger) for p in probes)), "full")
    return f"its request is not in the suite {suite}, but in {sent_in}"


def sentence(found: ReportOpenResponses) -> str:
    """The number in words, with what it leaves out."""
    numbers = {outcome: sum(test.outcome == outcome for test in found.tests) for outcome in OUTCOMES}
    beside = f"; {numbers['fail']} would fail, {numbers['not-tested']} are not tested"
    return f"would pass {found.passed} of the {found.of} acceptance tests{beside if found.passed < found.of else ''}"


def rows(found: ReportOpenResponses) -> Iterator[tuple[str, str, str]]:
    """Each test with its outcome in words, and the reason."""
    yield from ((test.name, OUTCOMES[test.outcome], test.why) for test in found.tests)


def reasons(found: ReportOpenResponses) -> Iterator[str]:
    """The tests that would not pass, or are not tested, with the reasons; those with the same reason together."""
    groups: dict[tuple[OfficialOutcome, str], list[str]] = {}
    for test in found.tests:
        if test.outcome != "pass":
            groups.setdefault((test.outcome, test.why), []).append(test.name)
    for (outcome, why), names in groups.items():
        yield f"{OUTCOMES[outcome]}: {', '.join(names)}: {why}"


def render(report: Report, out: Console) -> None:
    """Print the number, and why it is not all of them."""
    if report.open_responses is UNSET:
        return
    out.print()
    print_labelled(out, LABEL, Text(sentence(report.open_responses)))
    for line in reasons(report.open_responses):
        print_labelled(out, "", Text(line, "dim"))
