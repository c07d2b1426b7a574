"""Read how one exchange treats one request field: honoured, rejected, announced as ignored, or silently ignored."""

import re
from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import (
    ErrorResponse,
    body,
    error_response,
    is_verdict_on_request,
    mentions_word,
    names_field,
    refuses_streaming,
)
from conformance.apis.evidence import missing_part, unanswered_reason
from conformance.apis.request import request_body
from conformance.apis.response_content import response_content
from conformance.apis.specs import caps, conversation, spec
from conformance.apis.vendor_refusals import refused_cap
from conformance.field_support.effects import effects, unreadable_reason
from conformance.field_support.readers import EFFECT_READERS
from conformance.field_support.states import FieldEvidence
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply
from conformance.parsing.json_body import json_body
from conformance.parsing.sse import looks_like_events, payloads

CHOICES = ("", "none", "named")
"""The tools probes that show the effect of `tool_choice`; `single` shows that of the field that allows one call."""


UNSUPPORTED = re.compile(
    r"not supported|unsupported|not implemented|unknown|unrecogni[sz]ed|unexpected (?:field|parameter|keyword)"
    r"|extra (?:inputs|fields)|not (?:a )?(?:permitted|allowed|known)|additional propert|does(?: not|n't) support",
    re.IGNORECASE,
)
ANNOUNCING = re.compile(r"warn|ignor|drop|unsupported|unknown|unrecogni", re.IGNORECASE)


def warned(x: Exchange, name: str) -> str:
    """Where the response reports that it ignored the field: a header, or a field of its body; else empty."""
    headers = (h for h in reply(x).headers if ANNOUNCING.search(h.name) and mentions_word(h.value, name))
    if header := next(headers, None):
        return f"the header {header.name.lower()}"
    values = payloads(x) if looks_like_events(x) else (body(x),)
    members = (
        key
        for value in values
        if isinstance(value, dict)
        for key, texts in value.items()
        if ANNOUNCING.search(key) and any(mentions_word(text, name) for text in _texts(texts))
    )
    return f"`{key}` in the response body" if (key := next(members, "")) else ""


def _texts(value: Any) -> Iterator[str]:
    """All texts in a JSON value, names included."""
    rest = [value]
    while rest:
        item = rest.pop()
        if isinstance(item, str):
            yield item
        elif isinstance(item, list):
            rest += item
        elif isinstance(item, dict):
            rest += [*item.keys(), *item.values()]


def effect_shown(x: Exchange) -> tuple[str, FieldEvidence] | None:
    """The field whose effect a successful response shows, and its state; None if the probe is not about an effect."""
    name = _effect_of(x)
    if name not in EFFECT_READERS:
        return None
    if fault := unreadable_reason(x):
        return name, FieldEvidence("unknown", fault)
    seen = effects(x)
    sight = EFFECT_READERS[name](x, seen)
    if (fault := missing_part(x)) and not sight.is_present:
        return name, FieldEvidence("unknown", fault)
    if name == "logprobs" and x.api == "chat" and sight.state == "dropped" and seen.logprobs:
        name = "top_logprobs"
    if sight.state == "dropped" and (where := warned(x, name)):
        return name, FieldEvidence("announced", f"{where} reports that `{name}` was ignored")
    return name, sight


def _effect_of(x: Exchange) -> str:
    """The field whose effect the probe shows, or empty."""
    kind, subject = x.case.kind, x.case.subject
    if kind is Kind.TOOLS:
        return "tool_choice" if subject in CHOICES else conversation(x.api).single_call if subject == "single" else ""
    if kind is Kind.REPLAY:
        return "" if subject else "tool_choice"
    if kind is Kind.EFFECT:
        return subject
    return {Kind.CHOICES: "n", Kind.USAGE: "stream_options"}.get(kind, "")


def field_result(x: Exchange, baseline: Exchange | None) -> tuple[str, FieldEvidence] | None:
    """The field that this exchange probes, and its state.

    `baseline` is the baseline exchange in the same mode: if it fails too, an unspecific error shows nothing.
    None if the exchange probes no field, or uses a mode that the target declares not implemented.
    """
    kind, subject = x.case.kind, x.case.subject
    if kind is Kind.BASELINE:
        return ("stream", _streaming(x)) if x.mode == "stream" else None
    if refuses_streaming(x):
        return None
    if kind is Kind.WRONG_TYPE:
        return subject, mistyped(x, baseline)
    if kind is Kind.UNKNOWN_FIELD:
        return subject, _canary(x)
    if found := effect_shown(x):
        name, sight = found
        error = error_response(x)
        return name, _refused(error, _is_about(error, name)) if error else sight
    return None


def _refused(error: ErrorResponse, is_named: bool) -> FieldEvidence:  # noqa: FBT001 - a plain fact
    """The state for an error response to a value that would have shown an effect."""
    if not is_verdict_on_request(error):
        return _failed(error)
    if is_named:
        return FieldEvidence("refused", f"rejected with {error.status}; the error names the field")
    return FieldEvidence("unknown", f"rejected with {error.status}; the error does not name the field")


def _failed(error: ErrorResponse) -> FieldEvidence:
    """The state for an error that shows nothing of the request's fields."""
    how = (
        f"an error with status {error.status} was received"
        if error.in_band
        else f"the target failed with {error.status}"
    )
    return FieldEvidence("unknown", how)


def _streaming(x: Exchange) -> FieldEvidence:
    if error := error_response(x):
        is_refused = refuses_streaming(x)
        return FieldEvidence("refused", f"rejected with {error.status}") if is_refused else _failed(error)
    if looks_like_events(x) and any(isinstance(value, dict) for value in payloads(x)):
        return FieldEvidence("honoured", "the response is an event stream")
    if fault := unanswered_reason(x):
        return FieldEvidence("unknown", fault)
    if where := warned(x, "stream"):
        return FieldEvidence("announced", f"{where} reports that `stream` was ignored")
    return FieldEvidence("dropped", "a non-streaming response was received instead of an event stream")


def mistyped(x: Exchange, baseline: Exchange | None) -> FieldEvidence:
    """The state that a field's wrong type shows: a target that reads the field must reject it."""
    name, error = x.case.subject, error_response(x)
    if error:
        is_usual = (
            baseline is not None and bool(error_response(baseline)) and error_response(baseline).text == error.text
        )
        return _failed(error) if is_usual else _mistyped_refused(x, baseline, error)
    if fault := unanswered_reason(x):
        return FieldEvidence("unknown", fault)
    if where := warned(x, name):
        return FieldEvidence("announced", f"{where} reports that `{name}` was ignored")
    if name in spec(x.api).effects:
        return FieldEvidence("unknown", "a wrong type is silently ignored, but a right one may be honoured")
    needed = "each request needs the field" if is_required(x, baseline) else ""
    if sign := needed or sign_of_reading(x, baseline):
        return FieldEvidence("unknown", f"a wrong type is accepted, but {sign}")
    return FieldEvidence("dropped", "a value of a wrong type is silently ignored")


def is_required(x: Exchange, baseline: Exchange | None) -> bool:
    """Whether the baseline request has the probed field too: then it does not show what its absence leads to."""
    usual = request_body(baseline) if baseline is not None else {}
    return x.case.subject in usual


def sign_of_reading(x: Exchange, baseline: Exchange | None) -> str:
    """How the response shows that the probed field is read although its type is wrong, as a clause; or empty.

    A field is ignored if the response is as it is without the field.
    """
    name = x.case.subject
    sent = request_body(x).get(name)
    if sent not in (None, True, False) and echo(x, name) == sent:
        return "the response repeats the value"
    if baseline is None or error_response(baseline) or unanswered_reason(baseline):
        return ""
    if looks_like_events(x) != looks_like_events(baseline):
        return "the response is streamed otherwise than without the field"
    mine, usual = response_content(x).choices, response_content(baseline).choices
    if len(mine) != len(usual):
        return f"the response has {len(mine)} choices, and {len(usual)} without the field"
    return ""


def echo(x: Exchange, name: str) -> Any:
    """The value of the field in the response, if it repeats the request's settings, as Responses do; or None."""
    whole = json_body(x)
    values = (whole,) if whole is not None else payloads(x)
    for value in reversed(values):
        for within in (value.get("response"), value) if isinstance(value, dict) else ():
            if isinstance(within, dict) and name in within:
                return within[name]
    return None


def _mistyped_refused(x: Exchange, baseline: Exchange | None, error: ErrorResponse) -> FieldEvidence:
    if not is_verdict_on_request(error):
        return _failed(error)
    how = f"rejected with {error.status}"
    if _names_any(error, x.case.subject):
        if error.status == 501 or is_unsupported(error):
            return FieldEvidence("refused", f"{how}; the error names the field as not supported")
        return FieldEvidence("validated", f"a wrong type is {how}; the error names the field")
    cap = refused_cap(x)
    others = (cap,) if cap else other_rejected_fields(x, baseline, error)
    if others:
        return FieldEvidence("unknown", f"{how} because of `{others[0]}`, which the request also sets")
    if baseline is not None and not error_response(baseline) and not unanswered_reason(baseline):
        return FieldEvidence("validated", f"a wrong type is {how}, the baseline request is not")
    return FieldEvidence("unknown", f"{how}; the error does not name the field")


def is_unsupported(error: ErrorResponse) -> bool:
    """Whether an error reports that a field, or its value, is not supported."""
    return bool(UNSUPPORTED.search(f"{error.message} {error.code or ''}".replace("_", " ")))


def other_rejected_fields(x: Exchange, baseline: Exchange | None, error: ErrorResponse) -> tuple[str, ...]:
    """The fields named in an error that were added for this probe, except the probed field itself."""
    usual = request_body(baseline) if baseline is not None else {}
    own = x.case.subject.partition(".")[0]
    return tuple(
        name for name in request_body(x) if name not in (*usual, own, *caps(x.api)) and names_field(error, name)
    )


def _canary(x: Exchange) -> FieldEvidence:
    error, name = error_response(x), x.case.subject
    if error:
        return _refused(error, names_field(error, name))
    if fault := unanswered_reason(x):
        return FieldEvidence("unknown", fault)
    if where := warned(x, name):
        return FieldEvidence("announced", f"{where} reports that `{name}` was ignored")
    return FieldEvidence("dropped", "an unknown field is silently ignored")


def _names_any(error: ErrorResponse, name: str) -> bool:
    """Whether an error names the field, or its parent object."""
    return any(names_field(error, part) for part in name.split("."))


def _is_about(error: ErrorResponse, name: str) -> bool:
    """Whether an error names the field, and its `param` is not another one, such as `top_logprobs` for `logprobs`."""
    return _names_any(error, name) and (
        error.param is None or any(mentions_word(error.param, part) for part in name.split("."))
    )
