"""Which errors are statements about streaming, and how a rule judges those alone."""

from collections.abc import Callable, Iterator

from conformance.apis.errors import Refusal, may_refuse_streaming, own_fields, refusal
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, Skip, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import OK, UNRELATED, asks, replied


def declined(x: Exchange) -> Skip | None:
    """The streaming greeting was refused with an error."""
    if skip := asks("hello")(x):
        return skip
    if x.mode == "unary":
        return None
    if skip := replied(x):
        return skip
    status = reply(x).status
    if status in UNRELATED:
        return untestable(f"the target refused for a reason of its own ({status})")
    if may_refuse_streaming(x):
        return None
    return not_applicable(f"the target failed with {status}" if status >= 500 else "streaming was not refused")


def no_statement(stream: Exchange, unary: Exchange) -> Skip | None:
    """Why the error to the streaming greeting says nothing of streaming."""
    if fields := own_fields(stream):
        return not_applicable(f"the target refused `{fields[0]}`, which came along")
    if reply(stream).status != 501 and (reply(unary).status not in OK or refusal(unary)):
        return untestable(f"the greeting failed without streaming too ({reply(unary).status or 'no reply'})")
    return None


Judged = Callable[[Exchange], Iterator[Finding | Skip]]


def statement(judge: Judged) -> Callable[[Exchange, Exchange], Iterator[Finding | Skip]]:
    """Let a function judge the streaming side, where that is a refusal of streaming."""

    def judged(stream: Exchange, unary: Exchange) -> Iterator[Finding | Skip]:
        if skip := no_statement(stream, unary):
            yield skip
        else:
            yield from judge(stream)

    judged.__name__, judged.__doc__, judged.__module__ = judge.__name__, judge.__doc__, judge.__module__
    return judged


def enveloped(judge: Callable[[Refusal], Iterator[Finding | Skip]]) -> Judged:
    """Let a function judge a server error that has an error object to look into."""

    def judged(x: Exchange) -> Iterator[Finding | Skip]:
        said = refusal(x)
        if said.kind not in ("openai", "anthropic"):
            yield untestable("there is no error object to look into")
        elif said.status < 500:
            yield not_applicable(f"the target answered {said.status}, which nobody retries")
        else:
            yield from judge(said)

    judged.__name__, judged.__doc__, judged.__module__ = judge.__name__, judge.__doc__, judge.__module__
    return judged
