"""Complete responses arrive complete, and broken ones are never reported as complete."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from conformance.apis.claims import claims, is_error
from conformance.apis.errors import error_response, quoted
from conformance.apis.evidence import missing_part
from conformance.model.case import Kind
from conformance.model.exchange import Ending, Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable, untestable
from conformance.model.words import APIS, GENERATIVE
from conformance.parsing.http1 import reply
from conformance.rules.example import HELLO, SSE, answered, chunk, completion, error, exchange, http, sse, streamed
from conformance.rules.gw.answers import OTHER_API, emptied, given_up, sound, source, undecoded, unfounded
from conformance.rules.gw.answers import answered as answered_through
from conformance.rules.gw.content import STREAM, USUAL, relayed, restreamed
from conformance.rules.gw.example import both

TRUNCATION = "https://github.com/BerriAI/litellm/issues/33404"
SILENT_END = "https://github.com/BerriAI/litellm/pull/32159"
LOST_ERROR = "https://github.com/BerriAI/litellm/pull/39748"
FALSE_ALARM = "https://github.com/theopenco/llmgateway/pull/1901"
FRAMING = "https://www.rfc-editor.org/rfc/rfc9112#section-8"
CUT = Ending("closed", "body", 0)
FAULT = "chat.gateway.fault"
IN_BAND = error("The model has crashed.", "server_error")
EVERY = answered_through()


def streaming(*payloads: Any, ending: Ending | None = None, probe: str = FAULT) -> Exchange:
    """A chunked stream of these payloads; with an ending, it is cut off."""
    body = sse(*payloads)
    coded = b"%x\r\n%b\r\n" % (len(body), body) + (b"" if ending else b"0\r\n\r\n")
    head = http(200, (SSE, ("transfer-encoding", "chunked")), b"", length=False)
    x = exchange(head + coded, mode="stream", body=STREAM, probe=probe)
    return replace(x, ending=ending) if ending else x


BROKEN = streaming(*HELLO[:2], ending=CUT)
"""What the upstream sent before it broke off."""
FAILED = streaming(*HELLO[:2], IN_BAND)
NOTHING = streaming(ending=CUT)
REFUSED = answered(error(), status=400, mode="stream", body=STREAM, probe=FAULT)


@rule(
    "GW035",
    MUST,
    "A complete response of the upstream arrives complete at the client",
    spec=FALSE_ALARM,
    fix="Pass the response on as it comes: a finish reason is an ending, also without [DONE]; remove Content-Length from a "
    "body that changes; decode a compressed stream with one decoder for all of it.",
    applies_to=USUAL,
    apis=APIS,
    good=[restreamed(HELLO, HELLO), relayed(completion(), completion())],
    bad=[
        restreamed(HELLO, (*HELLO[:-1], IN_BAND)),
        restreamed(HELLO, HELLO[:2]),
        both(answered(error(), status=500), answered(completion())),
        both(answered(b""), answered(completion())),
    ],
)
def answer_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The upstream bills the response, and the client has none: it retries."""
    sent = source(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
    elif x.is_given_up and (x.harness_stall_ns or _is_left(sent)):
        yield untestable("the harness waited no longer, and was held up itself, or had the gateway close its request")
    elif (_is_left(sent) or is_error(x)) and (late := given_up(x, sent)):
        yield late
    elif _is_left(sent):
        yield Finding("the gateway closed the upstream's connection before the response was over")
    elif why := sound(sent):
        yield not_applicable(why)
    elif is_error(x):
        error = error_response(x)
        yield Finding(
            f"the upstream's response is complete, but the client got an error (HTTP {error.status}): {quoted(error.message)}"
        )
    elif hidden := undecoded(x):
        yield hidden
    elif why := missing_part(x):
        yield Finding(f"the upstream's response is complete, but at the client, {why}")
    elif not reply(x).complete:
        yield Finding("the upstream's response is complete, but the reply to the client breaks off")


def _is_left(sent: Exchange) -> bool:
    """Whether the gateway left in the middle of a response that had no fault so far."""
    is_begun = reply(sent).status in range(200, 300) and not is_error(sent)
    return is_begun and sent.ending.how == "hung-up" and not claims(sent)


@rule(
    "GW036",
    MUST,
    "A broken response of the upstream is never reported as complete",
    spec=TRUNCATION,
    fix="Send the finish reason and the end marker only when the upstream has sent its own; where it breaks off or fails, "
    "send an error of the client's API, or break off as well.",
    applies_to=EVERY,
    apis=APIS,
    good=[
        both(BROKEN, BROKEN),
        both(FAILED, BROKEN),
        both(streaming(*HELLO[:2], IN_BAND, "[DONE]"), BROKEN),
        both(answered(error(), status=502), answered(b"")),
    ],
    bad=[
        both(streaming(*HELLO), BROKEN),
        both(streaming(*HELLO[:2], "[DONE]"), BROKEN),
        both(streaming(chunk({"content": ""}), "[DONE]"), NOTHING),
        both(streaming(*HELLO), FAILED),
        both(answered(completion({"content": ""})), answered(b'{"id": "chatcmpl-1", "choices": [')),
        both(answered(completion({"content": ""})), answered(error(), status=500)),
    ],
)
def success_invented(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The user acts on half a response, the agent on half a tool call, and nothing retries."""
    sent = source(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
    elif not sound(sent):
        yield not_applicable("the upstream's response is complete")
    elif made_up := unfounded(x, upstream):
        yield Finding(f"the client got {', '.join(made_up)}, which the upstream did not send: {sound(sent)}")


@rule(
    "GW037",
    SHOULD,
    "A stream that breaks off upstream ends with an error, or breaks off at the client as well",
    spec=SILENT_END,
    fix="Send an error event of the client's API and then end the stream, or close the connection without the last chunk.",
    applies_to=EVERY,
    apis=GENERATIVE,
    modes=("stream",),
    needs=("framing",),
    good=[both(BROKEN, BROKEN), both(FAILED, BROKEN)],
    bad=[both(streaming(*HELLO[:2]), BROKEN)],
)
def silent_end(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """A client that reads until the end of the body sees a short response, not a failure."""
    sent = source(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
    elif reply(sent).status not in range(200, 300) or reply(sent).complete or reply(sent).faults or not sound(sent):
        yield not_applicable("the upstream's stream did not break off")
    elif unfounded(x, upstream):
        yield not_applicable("the response is reported as complete (see GW036)")
    elif reply(x).complete and not is_error(x):
        yield Finding(
            "the upstream's stream broke off, and the client's ends without an error, as if there was no more"
        )


@rule(
    "GW038",
    SHOULD,
    "An error in the middle of a stream reaches the client as an error",
    spec=LOST_ERROR,
    fix="Forward the error event in the form of the client's API.",
    applies_to=EVERY,
    apis=GENERATIVE,
    modes=("stream",),
    good=[both(FAILED, FAILED)],
    bad=[both(BROKEN, FAILED), both(streaming(*HELLO[:2]), FAILED)],
)
def error_event_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The client sees a lost connection, tries again, and the reason is nowhere."""
    sent = source(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
    elif reply(sent).status not in range(200, 300) or not is_error(sent):
        yield not_applicable("the upstream's stream has no error")
    elif unfounded(x, upstream):
        yield not_applicable("the response is reported as complete (see GW036)")
    elif not is_error(x):
        message = error_response(sent).message
        yield Finding(f"the upstream's stream has an error ({quoted(message)}), the client's has none")


@rule(
    "GW039",
    MUST,
    "The body of an error arrives with its status",
    spec=FRAMING,
    fix="Forward the body of an error reply, also to a streaming request, or send one of your own with its own "
    "Content-Length.",
    applies_to=EVERY,
    apis=APIS,
    needs=("framing",),
    good=[both(REFUSED, REFUSED)],
    bad=[
        both(exchange(http(400, (("content-length", "99"),), b"", length=False), body=STREAM, probe=FAULT), REFUSED),
        both(exchange(http(400, (), b""), body=STREAM, probe=FAULT), REFUSED),
    ],
)
def error_body_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The client reports a lost connection, or an error without a reason."""
    if not upstream:
        yield not_applicable("the gateway responded without its upstream")
        return
    sent = upstream[-1]
    if reply(sent).status < 400 or not reply(sent).complete or not reply(sent).content:
        yield not_applicable("the upstream sent no error with a body")
    elif reply(x).status >= 400 and not (reply(x).complete and _body(x)):
        lack = "only a part of one" if _body(x) else "none"
        yield Finding(f"the upstream's error has a body of {len(reply(sent).content)} bytes; the client got {lack}")


def _body(x: Exchange) -> bytes:
    """The body of a reply, decoded if the harness can."""
    return reply(x).raw if reply(x).undecodable else reply(x).content


@rule(
    "GW041",
    MUST,
    "A defective response of the upstream does not lose its content and keep its success",
    spec=TRUNCATION,
    fix="Where the upstream's reply can't be read (no Content-Type, an unusual form), pass it on as it is or respond with 502; "
    "do not send an empty response.",
    applies_to=answered_through(*(kind for kind in Kind if kind is not Kind.GATEWAY_FAULT)),
    apis=APIS,
    good=[both(streaming(*HELLO), streaming(*HELLO[:-1]))],
    bad=[
        both(streaming(HELLO[0], *HELLO[-2:]), streaming(*HELLO[:-1])),
        both(streaming(), streaming(*HELLO[:-1])),
    ],
)
def content_lost(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """The client believes that the model said nothing, and retries."""
    sent = source(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
    elif unfounded(x, upstream):
        yield not_applicable("the response is reported as complete (see GW036)")
    elif not claims(sent):
        yield not_applicable("the upstream's response does not claim to be complete")
    elif is_error(x) or not reply(x).complete:
        return
    elif hidden := undecoded(x):
        yield hidden
    elif not claims(x):
        yield Finding(
            "the client got a success that has neither content nor an error; the upstream's response is complete"
        )
    else:
        for aspect in emptied(x, upstream):
            yield Finding(f"the upstream's response has {aspect}; the client's has none, and claims to be complete")


def _form(x: Exchange) -> str:
    """The form of a reply's body, whatever its label: `events`, `json`, or neither."""
    content = reply(x).content.lstrip()
    return "json" if content[:1] == b"{" else "events" if content[:5] in (b"data:", b"event") else ""


LABELS = {"json": ("application/json",), "events": ("text/event-stream",)}


def _is_labelled(x: Exchange) -> bool:
    kind = reply(x).media_type
    return kind in LABELS.get(_form(x), (kind,)) or (_form(x) == "json" and kind.endswith("+json"))


@rule(
    "GW040",
    SHOULD,
    "The media type of a reply is that of its body, as the upstream has it",
    spec="https://www.rfc-editor.org/rfc/rfc9110#section-8.3",
    fix="Forward the upstream's Content-Type, for errors as well; label a body of your own by its form.",
    applies_to=EVERY,
    apis=APIS,
    good=[both(REFUSED, REFUSED)],
    bad=[
        both(answered(error(), status=400, headers=(SSE,), mode="stream", body=STREAM, probe=FAULT), REFUSED),
        both(streamed(*HELLO, headers=(), body=STREAM, probe=FAULT), streamed(*HELLO, body=STREAM, probe=FAULT)),
    ],
)
def label_altered(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """A client that trusts the label parses an error as a stream, and finds no event in it."""
    if not upstream or upstream[-1].api != x.api:
        yield OTHER_API if upstream else not_applicable("the gateway responded without its upstream")
    elif not _form(x) or _form(x) != _form(upstream[-1]) or not _is_labelled(upstream[-1]):
        yield not_applicable("the two replies have not the same form, or the upstream's label is wrong")
    elif not _is_labelled(x):
        shown = reply(x).value("content-type") or "missing"
        yield Finding(f"Content-Type is {shown}; the upstream's is {reply(upstream[-1]).value('content-type')}")
