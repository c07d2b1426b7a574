"""Which errors mean that streaming is unsupported, and decorators that restrict a rule to them."""

from collections.abc import Callable, Iterator

from conformance.apis.errors import ErrorResponse, error_response, may_refuse_streaming, rejected_fields
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import Finding, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.rules.conditions import OK, UNRELATED, probe_is, replied


def streaming_rejected(x: Exchange) -> NotJudged | None:
    """The streaming baseline request got an error."""
    if skip := probe_is(Kind.BASELINE)(x):
        return skip
    if x.mode == "unary":
        return None
    if skip := replied(x):
        return skip
    status = reply(x).status
    if status in UNRELATED:
        return untestable(f"the target rejected the request for an unrelated reason (HTTP {status})")
    if may_refuse_streaming(x):
        return None
    return not_applicable(
        f"the error (HTTP {status}) does not mention streaming" if status >= 500 else "streaming was not rejected"
    )


def why_not_about_streaming(stream: Exchange, unary: Exchange) -> NotJudged | None:
    """Why the error to the streaming baseline request does not concern streaming."""
    if fields := rejected_fields(stream):
        return not_applicable(f"the target rejected `{fields[0]}`, which the request also sets")
    if (status := reply(unary).status) == 501:
        return not_applicable("the non-streaming baseline request is rejected with HTTP 501 too (see ERR022)")
    if reply(stream).status != 501 and (status not in OK or error_response(unary)):
        return untestable(f"the non-streaming baseline request failed too ({status or 'no response'})")
    return None


ErrorCheck = Callable[[Exchange], Iterator[Finding | NotJudged]]


def about_streaming(judge: ErrorCheck) -> Callable[[Exchange, Exchange], Iterator[Finding | NotJudged]]:
    """Pass the streaming exchange to a function, if it is an error for unsupported streaming."""

    def judged(stream: Exchange, unary: Exchange) -> Iterator[Finding | NotJudged]:
        if skip := why_not_about_streaming(stream, unary):
            yield skip
        else:
            yield from judge(stream)

    judged.__name__, judged.__doc__, judged.__module__ = judge.__name__, judge.__doc__, judge.__module__
    return judged


def with_error_object(judge: Callable[[ErrorResponse], Iterator[Finding | NotJudged]]) -> ErrorCheck:
    """Pass a 5xx error to a function, if it has an error object."""
    return _if_readable(judge, lambda error: error.has_error_object, "the response has no error object (see NYI009)")


def with_message(judge: Callable[[ErrorResponse], Iterator[Finding | NotJudged]]) -> ErrorCheck:
    """Pass a 5xx error to a function, if people can read its message, in an error object or in another form."""
    return _if_readable(judge, lambda error: error.is_legible, "the response has no readable message (see NYI009)")


def _if_readable(
    judge: Callable[[ErrorResponse], Iterator[Finding | NotJudged]],
    is_readable: Callable[[ErrorResponse], bool],
    otherwise: str,
) -> ErrorCheck:
    def judged(x: Exchange) -> Iterator[Finding | NotJudged]:
        error = error_response(x)
        if not is_readable(error):
            yield not_applicable(otherwise)
        elif error.status < 500:
            yield not_applicable(f"the request was rejected with HTTP {error.status}, which clients do not retry")
        else:
            yield from judge(error)

    judged.__name__, judged.__doc__, judged.__module__ = judge.__name__, judge.__doc__, judge.__module__
    return judged
