"""A finding contains the noun that an engineer searches logs, issues and specifications for.

The words are those of the protocols and of bug reports; the findings follow them.
"""

import pytest

from conformance import catalogue, selftest
from conformance.model.verdict import MUST, Status
from conformance.testbed.mutations import changes

MEDIA_TYPE = {
    "sse-as-json": "Content-Type",
    "sse-unlabelled": "Content-Type",
    "sse-as-latin-1": "charset",
    "json-unlabelled": "Content-Type",
    "page-200": "HTML",
    "gzip-claimed": "Content-Encoding",
    "zstd-unasked": "Content-Encoding",
    "stream-unasked": "event stream",
    "stream-dropped": "silently ignored",
}
FRAMING = {
    "length-not-met": "Content-Length",
    "length-not-a-number": "Content-Length",
    "octets-after-the-end": "Content-Length",
    "two-framings": "Transfer-Encoding",
    "chunk-too-long": "chunk size",
    "chunk-size-prefixed": "chunk size",
    "chunks-under-http-1.0": "HTTP/1.0",
    "no-head": "status line",
    "header-folded": "folded",
    "json-bom": "byte order mark",
    "json-then-done": "[DONE]",
    "single-newlines": "blank line",
    "no-last-newline": "blank line",
    "no-data-prefix": "data:",
    "data-twice": "data:",
    "json-torn": "JSON",
    "not-utf-8": "UTF-8",
    "messages-unnamed": "event:",
}
END = "[DONE]|message_stop|response.completed|response.incomplete"
"""Alternatives: the end markers of each API."""
ENDING = {
    "no-done": END,
    "done-in-quotes": "[DONE]",
    "done-for-message-stop": END,
    "response-without-end": END,
    "text-after-the-end": END,
    "response-goes-on": END,
    "response-cut-called-completed": "response.completed",
    "no-message-delta": "message_delta",
    "no-block-stop": "content_block_stop",
    "stream-without-stop-reason": "stop_reason",
    "chunk-never-finishes": "finish_reason",
    "chunk-text-after-finish": "finish_reason",
    "cut-call-finishes-with-tool-calls": "finish_reason",
    "tool-use-ends-turn": "stop_reason",
    "stream-empty": "event",
    "stream-comments-only": "comment",
    "empty-200": "empty",
    "no-content": "204",
    "no-reply": "closed",
    "silence-before-reply": "timeout",
}
TRUNCATION = {
    "stream-cut": "truncated",
    "no-last-chunk": "truncated",
    "json-cut": "truncated",
}
BUFFERING = {
    "stream-buffered": "buffered",
    "stream-packed": "buffered",
    "text-in-one-chunk": "one chunk",
    "text-in-one-delta": "delta",
    "stream-stalls": "stalled",
    "stream-of-comments": "stalled",
    "json-stalls": "stalled",
    "stream-without-end": "timeout",
    "done-then-hold": "connection",
}
TOOL_CALLS = {
    "call-no-list": "tool_calls",
    "call-without-id": "tool call",
    "call-without-index": "index",
    "call-without-name": "function name",
    "call-id-shared": "tool call",
    "call-index-shared": "index",
    "call-lost": "tool_calls",
    "call-finishes-with-stop": "finish_reason",
    "call-arguments-object": "arguments",
    "call-arguments-cumulative": "arguments",
    "call-read-as-latin-1": "arguments",
    "argument-delta-lost": "arguments",
    "function-call-without-call-id": "call_id",
    "tool-use-lost": "tool_use",
    "tool-input-cut": "input_json_delta",
    "tool-choice-ignored": "tool_choice",
    "tool-choice-none-ignored": "tool_choice",
    "parallel-tool-calls-ignored": "parallel_tool_calls",
    "tools-unread-when-streaming": "silently ignored",
    "several-calls-refused": "tool call",
    "tools-refused-501-retried": "x-should-retry",
}
USAGE = {
    "usage-never-told": "usage",
    "usage-as-text": "usage",
    "usage-sum-wrong": "total_tokens",
    "response-without-usage": "usage",
    "errors-with-usage": "usage",
    "count-as-text": "input_tokens",
    "answer-lost": "tokens",
    "max-tokens-dropped": "silently ignored",
}
CONCURRENCY = {
    "answers-swapped": "concurrent",
    "crowd-crashes": "concurrent",
    "ids-from-the-clock": "have the id",
    "worker-lost-to-hang-up": "disconnect",
    "leftovers-after-hang-up": "disconnect",
    "second-request-lost": "keep-alive",
}
UNSUPPORTED = {
    "streaming-not-offered": "501",
    "refusal-without-stream": "501",
    "refusal-retried": "x-should-retry",
    "refusal-retry-after": "Retry-After",
    "refusal-503": "503",
    "refusal-as-events": "event stream",
}

NOUNS = MEDIA_TYPE | FRAMING | ENDING | TRUNCATION | BUFFERING | TOOL_CALLS | USAGE | CONCURRENCY | UNSUPPORTED
CAUGHT_BY = {change.name: change.caught_by for change in changes.defects()}


def rows():
    """Each row of the table: every fourth in `make test`, all of them in `make verify`."""
    for number, (defect, noun) in enumerate(NOUNS.items()):
        yield pytest.param(defect, noun, marks=() if number % 4 == 0 else pytest.mark.verify, id=defect)


@pytest.mark.verify
@pytest.mark.parametrize(("defect", "noun"), list(rows()))
def test_a_finding_holds_the_noun_that_people_search_for(recorded_once, defect, noun):
    judged = selftest.run_subject(defect, "gate", recorded_once).judgement
    failed = [v for v in judged.verdicts if v.rule == CAUGHT_BY[defect] and v.status is Status.FAIL]
    assert failed
    nouns = noun.lower().split("|")
    assert [v.message for v in failed if not any(one in v.message.lower() for one in nouns)] == []


def test_each_defect_of_the_table_breaks_a_must():
    levels = {rule.id: rule.level for rule in catalogue.rules()}
    assert {defect for defect in NOUNS if levels[CAUGHT_BY[defect]] is not MUST} == set()
