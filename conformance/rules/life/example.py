"""Examples: exchanges around disconnects and in a burst; and the conditions and readers that the rules share."""

from collections.abc import Sequence

from conformance.apis.chat import chat_content
from conformance.apis.errors import error_response
from conformance.apis.request import conversation_texts, request_body
from conformance.model.exchange import NANOSECONDS_PER_MILLISECOND, Ending, Exchange
from conformance.model.verdict import NotJudged, untestable
from conformance.rules.example import HELLO, SSE, answered, chunk, completion, exchange, http, sse

CLOSING = "https://www.rfc-editor.org/rfc/rfc9110#section-9.2.2"


MS = NANOSECONDS_PER_MILLISECOND

ASKED = {"messages": [{"role": "user", "content": "Write this word eighty times: quokka"}], "stream": True}
BEGUN = sse(HELLO[0], chunk({"content": "Quokka,"}))
DISCONNECTED = exchange(http(200, (SSE,), BEGUN, length=False), body=ASKED, ending=Ending("hung-up", "body", 5 * MS))
BASELINE = exchange(http(200, (SSE,), sse(*HELLO)))


def burst_response(word: str, name: str, requested: str = "lapwing") -> Exchange:
    """One of several concurrent requests: it requests one word, and its response has another word and this id."""
    body = {"messages": [{"role": "user", "content": f"Say only this word: {requested}"}], "stream": True}
    chunks = [chunk({"role": "assistant", "content": word}, id=name), chunk(finish="stop", id=name), "[DONE]"]
    return exchange(http(200, (SSE,), sse(*chunks)), probe=f"chat.crowd.{requested}", body=body)


def response_after_disconnect(text: str = "One.", *, at_ms: int = 60, probe: str = "chat.after.midway") -> Exchange:
    """The response to the request after a disconnect; its first delta arrives at `at_ms`, its last much later."""
    head, raw = http(200, (SSE,), b"", length=False), sse(chunk({"content": text}))
    rest = sse(*HELLO[-2:])
    arrivals = [(at_ms, len(head) + len(raw)), (at_ms + 400, len(rest))]
    return exchange(head + raw + rest, probe=probe, arrivals=arrivals, ending=Ending("closed", "after", 900 * MS))


def short_responses(*at_ms: int) -> tuple[Exchange, ...]:
    """Short responses whose first deltas arrive at these times."""
    return tuple(response_after_disconnect(at_ms=at, probe="chat.short") for at in at_ms)


def busy_with(requests: int) -> Exchange:
    """A /metrics response with this number of running requests."""
    text = f"# TYPE requests_running gauge\nrequests_running {requests}\n"
    return answered(text, headers=(("content-type", "text/plain"),), probe="chat.load.after")


def retried(text: str = "Quokka, quokka,", prompt: int = 12, subject: str = "midway") -> Exchange:
    """The response to the request of the disconnected client, sent again (or before); with this number of prompt tokens."""
    spent = {"prompt_tokens": prompt, "completion_tokens": 4, "total_tokens": prompt + 4}
    return answered(completion({"content": text}, "length", usage=spent), probe=f"chat.retry.{subject}")


REPEATS = (answered(completion(), probe="chat.twin"), answered(completion(), probe="chat.twin.again"))


def was_disconnected(disconnects: Sequence[Exchange]) -> NotJudged | None:
    """The harness disconnected before the response ended."""
    if any(x.ending.how == "hung-up" for x in disconnects):
        return None
    return untestable("the response ended, or failed, before the harness could disconnect")


def error_text(x: Exchange) -> str:
    """The message of an error, after a colon; or empty."""
    return f": {error_response(x).message[:120]}" if error_response(x).message else ""


def lower_text(x: Exchange) -> str:
    """All that a response says, in lower case."""
    return "".join(choice.text + choice.reasoning for choice in chat_content(x).choices).lower()


def requested_word(x: Exchange) -> str:
    """The last word of the prompt, which is unique among the concurrent requests."""
    texts = tuple(conversation_texts(request_body(x)))
    words = texts[-1].split() if texts else []
    return words[-1].lower() if words else ""
