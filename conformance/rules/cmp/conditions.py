"""When a rule on whole answers applies."""

from conformance.apis.chat import is_chunk
from conformance.model.exchange import Exchange
from conformance.model.verdict import ANOTHER_QUESTION, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import fault_of
from conformance.rules.cmp.shape import choices_of, completion_of, messages_of
from conformance.rules.conditions import answered_whole


def replied(x: Exchange) -> Skip | None:
    """A reply came whole, and it is no error."""
    if skip := answered_whole(x):
        return skip
    if completion_of(x).get("error"):
        return not_applicable("an error came in place of an answer")
    return None if reply(x).complete else untestable("the reply was cut off")


def elsewhere(x: Exchange) -> Skip | None:
    """The request went to another route, or asked for the list of stored completions (GET), which is documented too."""
    away = x.question.topic in ("models", "sibling") or x.question.about in ("get", "unknown-route")
    return ANOTHER_QUESTION if away else None


def valued(x: Exchange) -> Skip | None:
    """A reply came whole that is JSON; HTTP008 tells of what is not."""
    if skip := elsewhere(x) or replied(x):
        return skip
    fault = fault_of(reply(x).content)
    return untestable(f"the reply is no JSON text: {fault}") if fault else None


def completed(x: Exchange) -> Skip | None:
    """A completion came, or something much like one."""
    if skip := elsewhere(x) or replied(x):
        return skip
    return None if is_chunk(completion_of(x)) else untestable("the reply holds no completion")


def choosing(x: Exchange) -> Skip | None:
    """A completion came that has choices."""
    return completed(x) or (None if any(choices_of(x)) else untestable("no choice came"))


def speaking(x: Exchange) -> Skip | None:
    """A completion came that has messages."""
    found = choosing(x)
    return found or (None if any(messages_of(x)) else untestable("no message came"))
