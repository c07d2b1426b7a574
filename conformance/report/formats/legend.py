"""The words of the HTML pages: what a cell or a chip shows, its symbol, its colour, and its meaning in the legend."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from msgspec import UNSET

from conformance.field_support.states import State
from conformance.model.impact import Outcome
from conformance.model.words import ExitCode
from conformance.report.document import OfficialOutcome, Report
from conformance.report.impacts import USER_SEES, VECTORS_SEEN

ABSENT: Final = "–"
PASSED: Final = "✓"


class Word(NamedTuple):
    """A word or a symbol that stands alone. `kind` is its CSS class; the symbol tells the same without colours."""

    word: str
    symbol: str
    kind: str
    meaning: str

    @property
    def text(self) -> str:
        """Symbol and word."""
        return " ".join(filter(None, (self.symbol, self.word)))


class Topic(NamedTuple):
    """The words of one subject."""

    title: str
    words: tuple[Word, ...]


VERDICTS: Final = {
    ExitCode.CONFORMANT: Word("conformant", "✓", "good", "no MUST failed"),
    ExitCode.FAILED: Word("not conformant", "✗", "bad", "a MUST failed, or with --strict also a SHOULD"),
    ExitCode.NOT_TESTED: Word("not tested", "?", "", "the target was unreachable, or its URL, model or key was wrong"),
    ExitCode.INTERRUPTED: Word("interrupted", "?", "", "the run was ended early: only what was sent is judged"),
    ExitCode.HARNESS_ERROR: Word("harness error", "!", "warn", "the harness is at fault, not the target"),
}
UNREFUTED: Final = Word("no MUST failed", "✓", "good", "of recordings: what they show violates no MUST")
OUTCOME_MEANINGS: Final[dict[Outcome, tuple[str, str, str]]] = {
    "text": ("✓", "good", "complete and once"),
    "tool_ok": ("✓", "good", "complete and once, with its arguments"),
    "text+": ("!", "warn", "the response, and text that does not belong to it"),
    "partial_text": ("✗", "bad", "the end is missing, and no error says so"),
    "partial_text+exception": ("✗", "bad", "the end is missing, and an error says so"),
    "empty_silent": ("✗", "bad", "no text and no error"),
    "exception": ("✗", "bad", "an error instead of the response"),
    "hang": ("✗", "bad", "nothing arrives, and the client does not give up earlier"),
    "tool_bad": ("✗", "bad", "a call that the framework can't run"),
}
OUTCOMES: Final = {outcome: Word(USER_SEES[outcome], *about) for outcome, about in OUTCOME_MEANINGS.items()}
VECTOR_MEANINGS: Final[dict[Outcome, tuple[str, str, str]]] = {
    "text": ("✓", "good", "one for each input"),
    "text+": ("!", "warn", "those of the inputs, and others"),
    "partial_text": ("✗", "bad", "another input's, other numbers, or too few, and no error says so"),
}
OUTCOMES_OF_VECTORS: Final = {
    outcome: Word(VECTORS_SEEN[outcome], *about) for outcome, about in VECTOR_MEANINGS.items()
}
RETRIED: Final = Word("gets the response", "!", "warn", "complete, after retries that may be billed")
TIMES: Final = Word("×3", "", "", "the framework sends 3 requests for one message: it retries")
STATES: Final[dict[State, Word]] = {
    "honoured": Word("honoured", "✓", "good", "the field has its documented effect"),
    "validated": Word("validated", "◐", "checked", "a wrong type of the field is rejected; no effect was seen"),
    "refused": Word("refused", "⊘", "refused", "the request is rejected with an error that names the field"),
    "announced": Word("announced", "!", "warn", "the response reports that the field was ignored"),
    "dropped": Word("dropped", "✗", "bad", "the field is silently ignored"),
    "unknown": Word("unknown", "?", "", "the requests sent do not show it"),
}
STATUSES: Final = {
    "pass": Word("pass", PASSED, "good", "verified by evidence"),
    "fail": Word("fail", "✗", "bad", "the target violates the rule, as the recorded bytes show"),
    "untestable": Word("untestable", "?", "", "a prerequisite was missing, or the model did not cooperate"),
    "not-applicable": Word("not-applicable", ABSENT, "", "the rule does not apply to the request"),
    "error": Word("error", "!", "warn", "the harness is at fault, not the target"),
}
OFFICIAL: Final[dict[OfficialOutcome, Word]] = {
    "pass": Word("would pass", PASSED, "good", "an acceptance test of Open Responses would pass"),
    "fail": Word("would fail", "✗", "bad", "it would fail, or what it tests is not offered"),
    "not-tested": Word("not tested", "?", "", "no request of the run shows what it would say"),
}
LEVELS: Final = {
    "MUST": Word("MUST", "✗", "bad", "a requirement: if it fails, the target is not conformant"),
    "SHOULD": Word("SHOULD", "!", "warn", "a recommendation, or a requirement on which good sources disagree"),
    "MAY": Word("MAY", "", "cool", "an option"),
}
WAIVED: Final = Word("waived", "~", "waived", "a known failure, accepted by the target's owner until a date")
UNTESTED: Final = Word("", ABSENT, "", "not applicable, or not tested on this target")

LEGEND: Final = (
    Topic("Verdicts on a target", (*VERDICTS.values(), UNREFUTED)),
    Topic("What a framework's user gets", (*OUTCOMES.values(), *OUTCOMES_OF_VECTORS.values(), RETRIED, TIMES)),
    Topic("Levels of rules; a number before one counts failing rules", (*LEVELS.values(), WAIVED)),
    Topic("Results of rules", tuple(STATUSES.values())),
    Topic("Request fields", tuple(STATES.values())),
    Topic("Acceptance tests of Open Responses", tuple(OFFICIAL.values())),
    Topic("In every table", (UNTESTED,)),
)


def words() -> Iterator[Word]:
    """All words of the legend."""
    for topic in LEGEND:
        yield from topic.words


def of_report(report: Report) -> Word:
    """The verdict on the target; recordings show too little of one to call it conformant."""
    if report.recordings is not UNSET and report.exit_code == ExitCode.CONFORMANT:
        return UNREFUTED
    return VERDICTS.get(ExitCode(report.exit_code), VERDICTS[ExitCode.FAILED])


def of_outcome(outcome: Outcome, requests: int, *, is_of_vectors: bool) -> Word:
    """What the user gets; a response after retries is a warning."""
    found = OUTCOMES_OF_VECTORS.get(outcome, OUTCOMES[outcome]) if is_of_vectors else OUTCOMES[outcome]
    return found._replace(symbol="!", kind="warn") if found.kind == "good" and requests > 1 else found
