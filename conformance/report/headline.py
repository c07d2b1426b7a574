"""The first lines of a report: the most important facts, in one to three sentences."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import assert_never

from conformance import catalogue
from conformance.apis.errors import error_response, quoted
from conformance.apis.specs import caps
from conformance.field_support.fields import FieldObservation
from conformance.field_support.states import State
from conformance.judging import Judgement
from conformance.model.case import Kind, named_case, probe_name
from conformance.model.criteria import ALL_RULES, USUAL_CRITERIA, Criteria, RuleSelection
from conformance.model.exchange import ReadExchange
from conformance.model.impact import Impact, Outcome
from conformance.model.run import GatewayFacts, RunManifest
from conformance.model.verdict import Level, Status
from conformance.model.words import MODE_WORDS, Api
from conformance.parsing.http1 import reply
from conformance.parsing.sse import is_labelled, looks_like_events
from conformance.report import failing_options
from conformance.report.counts import numbered
from conformance.report.document import Cause, ReportVerdict, ReportWaiver
from conformance.report.impacts import is_of_vectors
from conformance.report.scores import cases_by_status

LOST_WORDS: dict[Outcome, str] = {
    "empty_silent": "nothing",
    "exception": "an error",
    "hang": "nothing until the timeout",
}
OTHER_WORDS: tuple[tuple[tuple[Outcome, ...], str], ...] = (
    (("partial_text", "partial_text+exception"), "see a truncated response"),
    (("text+",), "see extra text after the response"),
    (("tool_bad",), "get a malformed tool call"),
)
WORDS_OF_VECTORS: tuple[tuple[tuple[Outcome, ...], str], ...] = (
    (("partial_text",), "get wrong vectors"),
    (("text+",), "get extra vectors"),
)
MOST_NAMED = 8
BUSY = 0.5
"""Share of a run in which processes waited for a processor, from which the report says so."""

UNAVAILABLE = frozenset((502, 503, 504))
"""Statuses of a gateway whose server is down or busy: the API itself did not respond."""

LOCKED = (401,)
"""Statuses that reject the API key, where another API accepts it; 403 may mean that the API is not there."""


def lines(
    facts: RunManifest,
    judgement: Judgement,
    verdicts: Sequence[ReportVerdict],
    load: ReadExchange,
    causes: Sequence[Cause] = (),
    waivers: Sequence[ReportWaiver] = (),
    criteria: Criteria = USUAL_CRITERIA,
) -> Iterator[str]:
    """The sentences, most important first."""
    if why_not := not_tested(facts):
        yield why_not
        return
    if facts.stopped == "interrupted":
        yield f"Interrupted: {judgement.requests} of {len(facts.planned)} requests were sent; only these are judged."
    why = "" if facts.stopped else without_proof(judgement, load)
    if why:
        yield f"{why} ({facts.target.base_url})"
    yield from _stream_dropped(verdicts, load)
    yield from _users(judgement.impact, is_conformant=not any(v.counts and v.level is Level.MUST for v in verdicts))
    if not facts.stopped and not why:
        yield from _dropped(judgement)
        yield from _tools(judgement.observations)
    yield from selected(criteria.rules, verdicts)
    yield from counted(verdicts, len(causes))
    yield from failing_options.sentences(verdicts, waivers, criteria)
    yield from _not_offered(judgement)
    yield from _slow(verdicts, load)
    yield from _dialects(facts)
    yield from _upstream(facts.gateway)
    doubted = any(v.status is Status.UNTESTABLE or v.unreliable for v in verdicts)
    if doubted:
        yield from busy_machine(facts)
    others = [why for name, why in facts.left_out.items() if name.partition(".")[0] not in judgement.absent]
    for reason, count in Counter(others).most_common():
        yield f"{numbered(count, 'planned request')} not sent: {reason}."


def busy_machine(facts: RunManifest) -> Iterator[str]:
    """Whether this machine was too busy for times to mean much."""
    if (facts.machine_pressure or 0.0) >= BUSY:
        yield (
            f"This machine was busy: for {facts.machine_pressure:.0%} of the run, processes waited for a processor. "
            "Times are judged only where the harness kept up."
        )


def _not_offered(judgement: Judgement) -> Iterator[str]:
    """The APIs that the target does not offer; none of their rules applies."""
    for api, why in sorted(judgement.absent.items()):
        yield f"Not judged: {api} ({why})."


def without_proof(judgement: Judgement, load: ReadExchange) -> str:
    """Why the run does not show that the target is conformant, or an empty string.

    A target that no longer accepts connections was tested in part only, whatever the responses before.
    """
    if judgement.unreachable:
        lost = numbered(len(judgement.unreachable), "request")
        return f"No connection could be made for {lost}, so the test is incomplete: is the server still running?"
    return without_baseline(judgement.baselines, load)


def without_baseline(baselines: Mapping[str, Api], load: ReadExchange) -> str:
    """Why the run proves nothing, or nothing about an API, or an empty string.

    All baseline requests failed, or some were rate-limited (429), or an API rejected the key that another accepted:
    that is not a failure of the target, nor proof that a framework works with it.
    """
    received = [(api, reply(load(name)).status) for name, api in baselines.items()]
    statuses = [status for _, status in received]
    if late := statuses.count(429):
        limited = f"{numbered(late, 'baseline request')} rate-limited (429)"
        return f"{limited}, so the test is incomplete: lower --concurrency"
    if not any(status in range(200, 300) for status in statuses):
        return f"No baseline request succeeded, so nothing is proven: {_first_refusal(baselines, load)}"
    served = {api for api, status in received if status not in LOCKED}
    if locked := next((one for one in received if one[0] not in served), None):
        api, status = locked
        return f"{api} rejected the API key (HTTP {status}), so nothing is proven about it: leave it out with --api"
    return ""


def _first_refusal(baselines: Mapping[str, Api], load: ReadExchange) -> str:
    """What the first baseline request got, in the server's words."""
    first = next((x for x in map(load, baselines) if reply(x).status), None)
    if first is None:
        return "no response arrived" if baselines else "none was sent"
    error = error_response(first)
    words = f" {quoted(error.message or error.text, 200)}" if error.message or error.text else ""
    return f"the first got HTTP {reply(first).status}{words}"


def is_unavailable(baselines: Mapping[str, Api], load: ReadExchange) -> bool:
    """Whether a gateway responded to all baseline requests that the server behind it is down or busy."""
    statuses = {reply(load(name)).status for name in baselines}
    return bool(statuses) and statuses <= UNAVAILABLE


def not_tested(facts: RunManifest) -> str:
    """Why the run stopped before anything was tested, and what to do; or empty."""
    url, why = facts.target.base_url, facts.stopped_why
    match facts.stopped:
        case "" | "interrupted":
            return ""
        case "unreachable":
            why = f"The target could not be reached at {url}: {why}"
        case "too-slow":
            why = f"The target at {url} is too slow to be tested: {why}"
        case "key-refused":
            why = f"The target at {url} rejected the API key: {why}; {_about_the_key(facts.target.key_env)}"
        case "set-up":
            pass
        case _:
            assert_never(facts.stopped)
    return why if why.endswith("?") else f"{why}."


def _about_the_key(variable: str | None) -> str:
    named = "name the variable that holds the key with --api-key-env"
    return f"check the key in ${variable}" if variable else named


def _stream_dropped(verdicts: Sequence[ReportVerdict], load: ReadExchange) -> Iterator[str]:
    """The incident: a stream was requested, but a non-streaming response with a 2xx status was received."""
    failed = dict.fromkeys(v.exchanges[0] for v in verdicts if v.counts and v.mode == "stream" and _baseline_summary(v))
    for x in map(load, failed):
        answer = reply(x)
        is_whole = answer.content and not is_labelled(answer) and not looks_like_events(x)
        if answer.status in range(200, 300) and is_whole and not error_response(x):
            came = answer.media_type or "missing"
            yield (
                f"The target silently ignores `stream`: a stream was requested (`stream: true`), but {x.api} returned "
                f"{answer.status} with a non-streaming response; Content-Type is {came}, not text/event-stream."
            )
            return


def _slow(verdicts: Sequence[ReportVerdict], load: ReadExchange) -> Iterator[str]:
    """The frameworks whose baseline request ran into the timeout, though it may be slowness."""
    for v in verdicts:
        is_open = v.rule == "HTTP001" and v.status is Status.UNTESTABLE and _baseline_summary(v)
        if is_open and load(v.exchanges[0]).ending.how == "timeout":
            yield f"{v.profile} was not tested with {MODE_WORDS[v.mode]} {v.api}: {v.message}."


def _dialects(facts: RunManifest) -> Iterator[str]:
    """How the model had to be asked, where that is unusual."""
    for api, dialect in facts.dialects.items():
        words = []
        if dialect.reasons:
            words.append("the model reasons")
        if dialect.cap_field:
            words.append(f"the cap is {dialect.cap_field}")
        if dialect.min_cap > 1:
            words.append(f"a cap below {dialect.min_cap} tokens is refused")
        if dialect.least_cap > 1:
            words.append(f"a cap below {dialect.least_cap} tokens leaves no text")
        words += [f"{name} is refused by name" for name in dialect.refused]
        if (named := caps(api)) and {*named} <= {*dialect.refused}:
            words.append("no token cap is accepted")
        if dialect.key_header:
            words.append(f"the key is sent in {dialect.key_header}")
        if dialect.unknown:
            yield f"Dialect of {api} not known: {dialect.unknown}. Requests are sent as usual."
        if words:
            yield f"Dialect of {api}: {'; '.join(words)}. The harness's own requests are adapted to it."


def _upstream(gateway: GatewayFacts | None) -> Iterator[str]:
    """What arrived at the upstreams of a gateway besides what was judged."""
    if gateway is None:
        return
    for name, count in sorted(gateway.more_requests.items(), key=lambda one: -one[1])[:MOST_NAMED]:
        yield f"{numbered(count, 'further request')} arrived upstream for {name}; only the first ones were kept."
    for why, count in gateway.refused.items():
        yield f"{numbered(count, 'connection')} upstream brought no request: {why}."


def _tools(observations: Sequence[FieldObservation]) -> Iterator[str]:
    """The APIs on which a tool call was required and none came, with the reason."""
    tried = _proven(observations, "tools")
    calling = {one.exchange for one in observations if one.proven and one.place[1] == "tools"}
    required = _proven([one for one in observations if one.exchange in calling], "tool_choice")
    missing = [api for api, states in tried.items() if "honoured" not in states]
    refusing = [api for api in missing if required.get(api) == {"refused"}]
    silent = [api for api in missing if api not in refusing]
    for apis, why in (
        (refusing, "the target rejects requests that require a call"),
        (silent, "no response calls an offered tool, though calls were required"),
    ):
        if apis:
            yield f"Tool calling is not verified on {_list(apis)}: {why}."


def _proven(observations: Sequence[FieldObservation], name: str) -> dict[Api, set[State]]:
    """The states of a field that its effect shows, by API."""
    states: dict[Api, set[State]] = {}
    for one in observations:
        if one.proven and one.place[1] == name:
            states.setdefault(one.place[0], set()).add(one.sight.state)
    return states


def _dropped(judgement: Judgement) -> Iterator[str]:
    """The fields that an API silently ignores, where there are several: its request model does not declare them.

    One that it honours in the other mode is declared, but lost on the way.
    """
    names: dict[Api, dict[str, str]] = {}
    fields = judgement.fields
    for (api, name, mode), shown in fields.items():
        if shown.state == "dropped" and shown.documented and "." not in name:
            other = fields.get((api, name, "unary" if mode == "stream" else "stream"))
            only = f" ({MODE_WORDS[mode]} only)" if other and other.state == "honoured" else ""
            names.setdefault(api, {}).setdefault(name, f"{name}{only}")
    for api, dropped in names.items():
        if len(dropped) > 1:
            named = ", ".join(islice(dropped.values(), MOST_NAMED))
            more = f" and {len(dropped) - MOST_NAMED} more" if len(dropped) > MOST_NAMED else ""
            why = "its request model may not declare them"
            yield f"{api} silently ignores {len(dropped)} fields: {named}{more}; {why}."


def _baseline_summary(verdict: ReportVerdict) -> bool:
    return bool(verdict.exchanges) and verdict.probe == probe_name(verdict.api, Kind.BASELINE)


def judged_by(selection: RuleSelection) -> str:
    """The sentence about a selection of rules; empty if all judge."""
    if selection == ALL_RULES:
        return ""
    rules = catalogue.rules()
    return f"Judged by {sum(map(selection.includes, rules))} of {len(rules)} rules: {selection}."


def is_undecided(verdicts: Sequence[ReportVerdict]) -> bool:
    """Whether no rule passed or failed: then nothing is proven."""
    return all(v.status not in (Status.PASS, Status.FAIL) for v in verdicts)


def selected(selection: RuleSelection, verdicts: Sequence[ReportVerdict]) -> Iterator[str]:
    """Which rules were selected, if not all were."""
    if selection == ALL_RULES:
        return
    yield judged_by(selection)
    if is_undecided(verdicts):
        yield "No selected rule passed or failed, so nothing is proven: select rules that concern these responses."


def _by_level(failing: Sequence[ReportVerdict]) -> Iterator[str]:
    """How many rules of each level failed, and in how many places."""
    for level in Level:
        if mine := [v for v in failing if v.level is level]:
            rules = {v.rule for v in mine}
            yield f"{numbered(len(rules), f'{level} rule')} failed in {numbered(sum(v.cases for v in mine), 'place')}"


def counted(verdicts: Sequence[ReportVerdict], number_of_causes: int) -> Iterator[str]:
    """How many rules fail and in how many places, and what could not be tested."""
    failing = [v for v in verdicts if v.counts]
    counts = cases_by_status(verdicts)
    untestable = counts[Status.UNTESTABLE]
    untested = f"; {numbered(untestable, 'verdict')} could not be tested" if untestable else ""
    if failing:
        yield f"{', '.join(_by_level(failing))}, from {numbered(number_of_causes, 'cause')}{untested}."
    unreliable = {name for v in verdicts if v.unreliable for name in v.exchanges[:1]}
    if unreliable:
        yield (
            f"Unreliable: {numbered(len(unreliable), 'response')} failed by chance (lost, cut or late), and not when "
            "requested again."
        )
    passed, errors = counts[Status.PASS], counts[Status.ERROR]
    if errors:
        yield f"Harness error in {numbered(errors, 'verdict')}; please report it with the run folder."
    if passed and not failing:
        rest = ", and every failure is waived" if counts[Status.FAIL] else " and none fails"
        yield f"{_passes(passed)}{rest}{untested}."
    elif untested and not failing:
        yield f"{numbered(untestable, 'verdict')} could not be tested."


def _passes(count: int) -> str:
    return f"{count} verdicts pass" if count != 1 else "1 verdict passes"


def _users(impacts: Sequence[Impact], *, is_conformant: bool) -> Iterator[str]:
    """Frameworks that would not deliver the response to a plain message, in their default mode."""
    worst: dict[str, list[Impact]] = {}
    for impact in impacts:
        profile = _profile(impact.profile, impact.probe)
        is_usual = profile and profile[1] == (impact.mode == "stream") and not impact.is_of_failure
        if profile and is_usual and not impact.delivered:
            worst.setdefault(profile[0], []).append(impact)
    seen: dict[str, list[str]] = {}
    for name, mine in worst.items():
        seen.setdefault(_sees(mine), []).append(name)
    if seen:
        first = "No MUST rule failed, but users" if is_conformant else "Users"
        yield (
            f"{first} of " + "; users of ".join(f"{_list(names)} would {words}" for words, names in seen.items()) + "."
        )


def _sees(impacts: Sequence[Impact]) -> str:
    """What a framework's user would see, in the worst of these outcomes; it depends on its version and mode."""
    outcomes = {impact.outcome for impact in impacts}
    if lost := [words for outcome, words in LOST_WORDS.items() if outcome in outcomes]:
        return f"see {' or '.join(lost)} instead of the response"
    known = WORDS_OF_VECTORS if all(map(is_of_vectors, impacts)) else OTHER_WORDS
    return next(words for group, words in known if any(outcome in group for outcome in outcomes))


def _profile(name: str, probe: str) -> tuple[str, bool] | None:
    """A framework's common name, and whether it streams by default; None for a bare SDK."""
    api = named_case(probe, name, "stream").api
    found = next((p for p in catalogue.profiles() if p.name == name and p.api == api), None)
    return (found.title.split(" (")[0], found.streams_by_default) if found and found.framework else None


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
