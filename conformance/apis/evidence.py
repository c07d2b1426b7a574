"""Whether a response is evidence: a truncated, empty or failed one does not show what became of a request."""

from conformance.apis.ending import terminal_events
from conformance.apis.errors import error_response
from conformance.apis.response_content import response_content
from conformance.model.exchange import Exchange, cached_reader
from conformance.parsing.http1 import reply
from conformance.parsing.json_body import json_body
from conformance.parsing.json_text import TRUNCATED, fault_of
from conformance.parsing.sse import DONE, looks_like_events, payloads


@cached_reader
def missing_part(x: Exchange) -> str:
    """Why a response is not there as a whole, as a clause: it is missing, empty, undecodable or truncated; or empty.

    An error status is known even if the body is truncated.
    """
    answer = reply(x)
    if answer.status == 0:
        return f"no response was received ({x.ending.how} at {x.ending.phase})"
    if answer.status >= 400:
        return ""
    if answer.undecodable or answer.coding_fault:
        return "the response body can't be decoded"
    if not answer.content:
        return "the response is empty"
    if looks_like_events(x):
        return "" if _is_ended(x) else "the stream was truncated"
    return "" if answer.complete else "the response was truncated"


def _is_ended(x: Exchange) -> bool:
    """Whether a stream has its end marker, its last event, a finish reason, or an error."""
    return _has_end_marker(x) or any(choice.finishes for choice in response_content(x).choices)


def _has_end_marker(x: Exchange) -> bool:
    return DONE in payloads(x) or bool(terminal_events(x) or error_response(x))


@cached_reader
def shows_end(x: Exchange) -> bool:
    """Whether the content does not end within JSON, or within a line of a stream.

    Recorders read a response to its end, or say that it was aborted, but some cut long bodies. Browsers do not always
    say that a page aborted it, or was still reading: only its end marker shows that a stream is there to its end.
    """
    content = reply(x).content.strip()
    if not looks_like_events(x):
        return not _is_cut_json(content)
    if "end" not in x.recorded and not _has_end_marker(x):
        return False
    name, _, data = reply(x).content.rpartition(b"\n")[2].partition(b":")
    return not name or (name == b"data" and not _is_cut_json(data.strip()))


def _is_cut_json(content: bytes) -> bool:
    return content[:1] in (b"{", b"[") and TRUNCATED in fault_of(content)


@cached_reader
def unanswered_reason(x: Exchange) -> str:
    """Why a response is no completion, as a clause; empty if it is one, or a rejection.

    A request was accepted only if it was answered: not by a part of a response, an error under a success status, or
    some other document.
    """
    if (reason := missing_part(x)) or reply(x).status >= 400:
        return reason
    if reply(x).status not in range(200, 300):
        return f"the response has status {reply(x).status}"
    if error_response(x):
        return f"the response is an error with status {reply(x).status}"
    if looks_like_events(x):
        return "" if any(isinstance(value, dict) for value in payloads(x)) else "the stream has no event with JSON"
    return "the response is not a JSON object" if json_body(x) is None else ""
