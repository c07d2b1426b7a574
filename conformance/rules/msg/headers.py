"""The headers anthropic-version and anthropic-beta."""

from collections.abc import Iterator

from conformance.apis.errors import error_response, quoted
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition
from conformance.model.verdict import SHOULD, Finding, NotJudged
from conformance.rules.conditions import asks, both, decided, greeted, in_a_mode_that_is_offered
from conformance.rules.example import answered
from conformance.rules.msg.example import GREETING, message
from conformance.rules.msg.shape import message_rule
from conformance.rules.msg.spec import VERSIONS

REFUSED = {"type": "error", "error": {"type": "invalid_request_error", "message": "Unknown beta: of-tomorrow."}}


def _header(about: str) -> Condition:
    def is_asked(x: Exchange) -> NotJudged | None:
        return both(asks(f"header-{about}"), in_a_mode_that_is_offered, decided)(x)

    return is_asked


def _refused(x: Exchange, hello: Exchange, what: str) -> Iterator[Finding | NotJudged]:
    if said := error_response(x):
        if skip := greeted(hello):
            yield skip
        else:
            yield Finding(
                f"{what} was rejected with HTTP {said.status}: {quoted(said.message or said.text)}", at=said.at
            )


@message_rule(
    "MSG025",
    SHOULD,
    "Unknown anthropic-beta values are ignored, not rejected",
    spec="https://platform.claude.com/docs/en/api/beta-headers",
    fix="Ignore unknown names in the anthropic-beta header.",
    when=_header("beta"),
    good=[(answered(GREETING, probe="messages.header-beta"), message())],
    bad=[(answered(REFUSED, status=400, probe="messages.header-beta"), message())],
)
def beta_refused(x: Exchange, hello: Exchange) -> Iterator[Finding | NotJudged]:
    """Claude Code sends half a dozen of them in every request, and new ones with every release: all its requests fail."""
    yield from _refused(x, hello, "an unknown name in anthropic-beta")


@message_rule(
    "MSG026",
    SHOULD,
    "A newer anthropic-version is accepted, not rejected",
    spec=VERSIONS,
    fix="Treat an unknown, newer anthropic-version like the newest known version.",
    when=_header("version"),
    good=[(answered(GREETING, probe="messages.header-version"), message())],
    bad=[(answered(REFUSED, status=400, probe="messages.header-version"), message())],
)
def version_refused(x: Exchange, hello: Exchange) -> Iterator[Finding | NotJudged]:
    """The SDKs raise the version with their releases: a client upgrade would make the server unusable."""
    yield from _refused(x, hello, "a newer anthropic-version")
