"""Which of the acceptance tests of Open Responses the target would pass: each is test cases of ours, and their rules.

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
from conformance.apis.websocket import COMPACTED, CONTINUED, FIRST, RECONNECT, RECOVERED, SECOND, TURNS
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
LOCAL: Final = "it sends no request: it validates a fixture of its own"
FAILED: Final = (Status.FAIL, Status.NOT_APPLICABLE)
"""A rule fails, or what the test asks for is rejected or not offered."""
OUTCOMES: Final[Mapping[OfficialOutcome, str]] = {
    "pass": "would pass",
    "fail": "would fail",
    "not-tested": "not tested",
}


class Step(NamedTuple):
    """A part of a test: our test case of the same form, and the rules that decide what the test asserts of it.

    `variant` is one turn of a conversation.
    """

    rules: tuple[str, ...]
    kind: Kind = Kind.ACCEPTED_FORM
    subject: str = ""
    variant: str = ""
    mode: Mode = "unary"


class OpenTest(NamedTuple):
    """One acceptance test: its name, and its steps. Without any, it passes whatever the target does: `why` says so."""

    name: str
    steps: tuple[Step, ...] = ()
    why: str = ""


def _form(name: str, subject: str, mode: Mode = "unary", *more: str) -> OpenTest:
    """A test of a request in some form: the response is completed, and has output."""
    return OpenTest(name, (Step((COMPLETED, SHAPE, *more), subject=subject, mode=mode),))


def _judged_by(*rules: str, subject: str = TURNS) -> Step:
    """What rules on a whole conversation decide."""
    return Step(rules, Kind.WEBSOCKET, subject)


def _turn(variant: str, *more: str, subject: str = TURNS) -> Step:
    """A turn of a conversation that must be completed."""
    rules = ("RSP044", *(("RSP046",) if subject == TURNS else ()), COMPLETED, SHAPE, EVENTS, *more)
    return Step(rules, Kind.WEBSOCKET, subject, variant, "stream")


HANDSHAKE: Final = Step(("RSP042",), Kind.WEBSOCKET)
FRAMES: Final = _judged_by("RSP042", "RSP043")
UNKNOWN: Final = _judged_by("RSP048")
"""An unknown response gets an error event: what else is to get one rests on it."""
FOLLOWED: Final = "RSP053"
"""A `[DONE]` after a turn ends the next one."""
COMPACTION: Final = Step(("RSP034",), Kind.COMPACT)


def _over_websocket(name: str, *steps: Step) -> OpenTest:
    """A test over WebSocket, which a target that rejects the handshake, or sends invalid frames, would fail."""
    return OpenTest(f"websocket-{name}", (HANDSHAKE, FRAMES, *steps))


TESTS: Final = (
    _form("basic-response", "typed"),
    _form("assistant-phase", "phase"),
    OpenTest("response-output-phase-schema", why=LOCAL),
    _form("streaming-response", "typed", "stream", EVENTS),
    _over_websocket("response", _turn(FIRST)),
    _over_websocket("sequential-responses", _turn(FIRST, FOLLOWED), _turn(SECOND)),
    _over_websocket("continuation", _turn(SECOND, FOLLOWED), _turn(CONTINUED)),
    _over_websocket(
        "reconnect-store-false-recovery",
        UNKNOWN,
        _judged_by("RSP051", subject=RECONNECT),
        _turn(RECOVERED, subject=RECONNECT),
    ),
    _over_websocket("previous-response-not-found", _judged_by("RSP048", "RSP049")),
    _over_websocket("failed-continuation-evicts-cache", UNKNOWN, _judged_by("RSP052", subject=RECONNECT)),
    _over_websocket("compact-new-chain", COMPACTION, _turn(COMPACTED, subject=RECONNECT)),
    _form("system-prompt", "system"),
    OpenTest("tool-calling", (Step(("TOOL023", SHAPE), Kind.TOOLS, "auto"),)),
    _form("image-input", "image"),
    _form("multi-turn", "turns"),
    OpenTest("compact-response", (COMPACTION,)),
    OpenTest("compact-missing-model", (Step(("RSP035",), Kind.COMPACT, "no-model"),)),
)
"""The tests in their order. The first rule that failed gives the reason, or else the first that is undecided."""
Place = tuple[Kind, str, str, Mode]
Found = Mapping[Place, Mapping[str, Verdict]]


def _place(step: Step) -> Place:
    return step.kind, step.subject, step.variant, step.mode


def reported(verdicts: Iterable[Verdict], suite: Suite) -> ReportOpenResponses | UnsetType:
    """What each test would say, by the verdicts of a run; UNSET if the run had none of these test cases."""
    wanted = {_place(step) for test in TESTS for step in test.steps}
    seen: dict[Place, dict[str, Verdict]] = {}
    for verdict in verdicts:
        place = (verdict.case.kind, verdict.case.subject, verdict.case.variant, verdict.mode)
        if verdict.api == "responses" and place in wanted:
            seen.setdefault(place, {})[verdict.rule] = verdict
    if not seen or all(_is_absent(found.values()) for found in seen.values()):
        return UNSET
    tests = tuple(_judged(test, seen, suite) for test in TESTS)
    return ReportOpenResponses(passed=sum(test.outcome == "pass" for test in tests), of=len(tests), tests=tests)


def _is_absent(verdicts: Iterable[Verdict]) -> bool:
    return all(verdict.status is Status.NOT_APPLICABLE for verdict in verdicts)


def _judged(test: OpenTest, seen: Found, suite: Suite) -> OfficialTest:
    found = [(step, seen.get(_place(step), {})) for step in test.steps]
    of_rules = [(step, rule, verdicts.get(rule)) for step, verdicts in found for rule in step.rules]
    known = [verdict for _, _, verdict in of_rules if verdict]
    failed = next((verdict for verdict in known if verdict.status in FAILED), None)
    if failed:
        return _because(test, failed, "fail")
    for step, rule, verdict in of_rules:
        if verdict is None and not seen.get(_place(step)):
            return OfficialTest(name=test.name, outcome="not-tested", why=_unsent(step, suite))
        if verdict is None:
            why = f"the rule {rule} did not judge the response"
            return OfficialTest(name=test.name, outcome="not-tested", why=why, rule=rule)
        if verdict.status is not Status.PASS:
            return _because(test, verdict, "not-tested")
    exchange = known[-1].exchanges[0] if known else ""
    return OfficialTest(name=test.name, outcome="pass", why=test.why, exchange=exchange)


def _because(test: OpenTest, verdict: Verdict, outcome: OfficialOutcome) -> OfficialTest:
    why, exchange = safe(verdict.message), verdict.exchanges[0]
    return OfficialTest(name=test.name, outcome=outcome, why=why, rule=verdict.rule, exchange=exchange)


def _unsent(step: Step, suite: Suite) -> str:
    """Why there is no exchange: the suite does not send the request, or it was left out."""
    probes = [p for p in catalogue.probes() if (p.api, p.kind, p.subject) == ("responses", step.kind, step.subject)]
    mode: Mode = "unary" if step.variant else step.mode
    if any(mode in probe.modes_in(suite) for probe in probes):
        return f"its {'turn' if step.variant else 'request'} was not sent"
    sent_in = next((larger for larger in SUITES if any(mode in p.modes_in(larger) for p in probes)), "full")
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
