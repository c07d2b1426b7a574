"""Planted defects: crowds that are mixed up, connections that are not kept, and clients that leave something behind."""

from dataclasses import replace
from typing import Any

from conformance.model.marker_words import ABANDONED_WORD, BURST_WORDS
from conformance.testbed.mutations.mutate_bytes import answers
from conformance.testbed.mutations.mutate_bytes import planted as written
from conformance.testbed.mutations.mutate_chat import each_chunk, in_turn, more, on_whole, with_delta
from conformance.testbed.mutations.mutate_requests import refusal
from conformance.testbed.server.model import ECHO
from conformance.testbed.server.reply import Answer, Asked, Change, Event, Reply

NEXT = dict(zip(BURST_WORDS, (*BURST_WORDS[1:], BURST_WORDS[0]), strict=True))
A_SLOT_S, DEAF_S = 1.6, 6.0


def worker_lost(answer: Answer, asked: Asked) -> Answer:
    """Each client that hung up took a worker with it, and there was one."""
    lost = asked.hang_ups and asked.method == "POST"
    return refusal(503, "No worker is free.", code="overloaded") if lost else answer


def slot_waited_for(reply: Reply, asked: Asked) -> Reply:
    """There is one slot, and the answer that nobody wants any more is still made in it."""
    deaf = replace(reply, deaf_s=DEAF_S)
    if not (asked.hang_ups and asked.running and asked.method == "POST" and reply.status == 200):
        return deaf
    first, *rest = deaf.pieces
    return replace(deaf, pieces=(replace(first, wait_s=first.wait_s + A_SLOT_S), *rest))


def next_one_s(answer: Answer, asked: Asked) -> Answer:
    """Each answer goes to the neighbour."""
    found = ECHO.search(asked.body.decode(errors="replace"))
    if answer.events is None or not found or found[1] not in NEXT:
        return answer
    return replace(answer, events=tuple(_saying(event, found[1], NEXT[found[1]]) for event in answer.events))


def _saying(event: Event, old: str, new: str) -> Event:
    data: Any = event.data
    if isinstance(data, dict):
        for choice in data.get("choices", ()):
            text = choice["delta"].get("content") or ""
            if old in text:
                delta = choice["delta"] | {"content": text.replace(old, new)}
                data = data | {"choices": [choice | {"delta": delta}]}
    return replace(event, data=data)


def lost_when_kept(reply: Reply, asked: Asked) -> Reply:
    """The second request on a connection finds nobody at its other end."""
    return replace(reply, head=b"", pieces=(), framing="close", end="abort") if asked.earlier else reply


NAMED = more(id="chatcmpl-0")


def at_that_second(answer: Answer, asked: Asked) -> Answer:
    """Answers whose ids are made from the clock."""
    named = more(id=f"chatcmpl-{asked.at}")
    return in_turn(each_chunk(named), on_whole(named))(answer, asked)


def with_the_rest(answer: Answer, asked: Asked) -> Answer:
    """The connection to the model still brings the answer of the client before."""
    if not asked.hang_ups or not answer.events or asked.api != "chat":
        return answer
    first, *others = answer.events
    leaked = Event(data=with_delta(first.data, {"content": f" {ABANDONED_WORD}, {ABANDONED_WORD}."}))
    return replace(answer, events=(first, leaked, *others))


def one_too_many(answer: Answer, asked: Asked) -> Answer:
    """The last of the crowd are more than there are connections to the model."""
    found = ECHO.search(asked.body.decode(errors="replace"))
    return refusal(500, "Pool exhausted.", type="server_error") if found and found[1] in BURST_WORDS[5:] else answer


DEFECTS = (
    Change(
        name="worker-lost-to-hang-up",
        title="After a client hung up nobody else is answered",
        caught_by="LIFE001",
        answer=worker_lost,
    ),
    written(
        "answers-made-for-nobody",
        "An answer is made to its end although its client hung up",
        "LIFE002",
        answers(lambda reply: replace(reply, deaf_s=DEAF_S)),
    ),
    written(
        "slot-kept-for-nobody",
        "The next question waits until the answer is made whose client hung up",
        "LIFE003",
        slot_waited_for,
    ),
    Change(
        name="answers-swapped",
        title="Of those who ask at the same time each gets another's answer",
        caught_by="LIFE004",
        answer=next_one_s,
    ),
    Change(
        name="one-id-for-all",
        title="All answers have the same id",
        caught_by="LIFE005",
        answer=in_turn(each_chunk(NAMED), on_whole(NAMED)),
    ),
    written(
        "second-request-lost",
        "The second request on a connection is not answered",
        "LIFE006",
        lost_when_kept,
    ),
    Change(
        name="ids-from-the-clock",
        title="The id is the second in which it was asked for",
        caught_by="LIFE005",
        answer=at_that_second,
    ),
    Change(
        name="leftovers-after-hang-up",
        title="After a client hung up the next one hears the rest of that answer",
        caught_by="LIFE007",
        answer=with_the_rest,
    ),
    Change(
        name="crowd-crashes",
        title="Whoever comes while five are answered gets a 500",
        caught_by="LIFE008",
        answer=one_too_many,
    ),
)
