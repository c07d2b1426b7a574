"""The headers anthropic-version and anthropic-beta, and forms of a request that agents send."""

from collections.abc import Iterator

from conformance.apis.errors import error_response, quoted
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition
from conformance.model.verdict import MUST, OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import all_of, baseline_ok, mode_supported, not_rejected_for_other_reasons, probe_is
from conformance.rules.example import answered
from conformance.rules.msg.example import BASELINE_RESPONSE, message
from conformance.rules.msg.shape import message_rule
from conformance.rules.msg.spec import MESSAGE, VERSIONS

REFUSED = {"type": "error", "error": {"type": "invalid_request_error", "message": "Unknown beta: of-tomorrow."}}


def _header(kind: Kind) -> Condition:
    def is_of_kind(x: Exchange) -> NotJudged | None:
        return all_of(probe_is(kind), mode_supported, not_rejected_for_other_reasons)(x)

    return is_of_kind


def _refused(x: Exchange, baseline: Exchange, what: str) -> Iterator[Finding | NotJudged]:
    if error := error_response(x):
        if skip := baseline_ok(baseline):
            yield skip
        else:
            yield Finding(
                f"{what} was rejected with HTTP {error.status}: {quoted(error.message or error.text)}", at=error.at
            )


@message_rule(
    "MSG025",
    SHOULD,
    "Unknown anthropic-beta values are ignored, not rejected",
    spec="https://platform.claude.com/docs/en/api/beta-headers",
    fix="Ignore unknown names in the anthropic-beta header.",
    applies_to=_header(Kind.BETA_HEADER),
    good=[(answered(BASELINE_RESPONSE, probe="messages.header-beta"), message())],
    bad=[(answered(REFUSED, status=400, probe="messages.header-beta"), message())],
)
def beta_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Claude Code sends half a dozen of them in every request, and new ones with every release: all its requests fail."""
    yield from _refused(x, baseline, "an unknown name in anthropic-beta")


@message_rule(
    "MSG026",
    SHOULD,
    "A newer anthropic-version is accepted, not rejected",
    spec=VERSIONS,
    fix="Treat an unknown, newer anthropic-version like the newest known version.",
    applies_to=_header(Kind.VERSION_HEADER),
    good=[(answered(BASELINE_RESPONSE, probe="messages.header-version"), message())],
    bad=[(answered(REFUSED, status=400, probe="messages.header-version"), message())],
)
def version_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """The SDKs raise the version with their releases: a client upgrade would make the server unusable."""
    yield from _refused(x, baseline, "a newer anthropic-version")


BLOCKS = {"type": "error", "error": {"type": "invalid_request_error", "message": "system: must be a string"}}


def _in_blocks(x: Exchange) -> NotJudged | None:
    if x.case.subject != "text-blocks":
        return OUT_OF_SCOPE
    return _header(Kind.ACCEPTED_FORM)(x)


@message_rule(
    "MSG027",
    MUST,
    "A list of text blocks is accepted as system prompt and as a message's content",
    spec=MESSAGE,
    fix="Accept `system` and `content` as a string or as a list of text blocks.",
    applies_to=_in_blocks,
    good=[(answered(BASELINE_RESPONSE, probe="messages.form.text-blocks"), message())],
    bad=[(answered(BLOCKS, status=400, probe="messages.form.text-blocks"), message())],
)
def text_blocks_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """Claude Code, Pydantic AI and the AI SDK send no other form: all their requests fail."""
    if reply(x).status >= 500 and reply(x).status != 501:
        yield not_applicable(f"the target returned HTTP {reply(x).status} (see ERR004)")
    else:
        yield from _refused(x, baseline, "a request with its texts in text blocks")


@message_rule(
    "MSG028",
    SHOULD,
    "A beta and the field that it brings are accepted together",
    spec="https://platform.claude.com/docs/en/api/beta-headers",
    fix="Pass the header anthropic-beta on together with the body, or ignore both; don't drop one of them.",
    applies_to=_header(Kind.BETA_FIELD),
    good=[(answered(BASELINE_RESPONSE, probe="messages.beta"), message())],
    bad=[
        (answered(BLOCKS, status=400, probe="messages.beta"), message()),
        (answered(BLOCKS, status=501, probe="messages.beta"), message()),
    ],
)
def beta_field_refused(x: Exchange, baseline: Exchange) -> Iterator[Finding | NotJudged]:
    """A gateway that drops the header and forwards the field gets every request of Claude Code rejected."""
    yield from _refused(x, baseline, "`context_management` with the anthropic-beta that brings it")
