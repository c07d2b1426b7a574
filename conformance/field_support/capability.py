"""Read how one exchange treats one request field: honoured, rejected, announced as ignored, or silently ignored."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from conformance.apis.errors import ErrorResponse, body, error_response, mentions_word, names_field, refuses_streaming
from conformance.apis.request import request_body
from conformance.apis.request_fields import cap_asked, choices_asked, format_asked, stops_asked
from conformance.apis.specs import SPECS, spec
from conformance.apis.tools import required_name, tool_choice_mode, wrong_tool_calls
from conformance.field_support.effects import Effects, effects, unreadable_reason
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.json_values import as_object, display
from conformance.parsing.single_value import is_damaged
from conformance.parsing.sse import is_labelled, looks_like_events, payloads

State = Literal["honoured", "refused", "announced", "dropped", "unknown"]
WORST_FIRST: tuple[State, ...] = ("dropped", "announced", "refused", "honoured", "unknown")

CHOICES = ("", "none", "named")
"""The tools probes that show the effect of `tool_choice`; `single` shows that of the field that allows one call."""

COST_CAP_FIELD = "max_tokens"
"""The cap that a probe adds so that a target which ignores the probed field generates only one token."""

UNSUPPORTED = re.compile(
    r"not supported|unsupported|not implemented|unknown|unrecogni[sz]ed|unexpected (?:field|parameter|keyword)"
    r"|extra (?:inputs|fields)|not (?:a )?(?:permitted|allowed|known)|additional propert",
    re.IGNORECASE,
)
ANNOUNCING = re.compile(r"warn|ignor|drop|unsupported|unknown|unrecogni", re.IGNORECASE)
MARGIN = 1
"""Words beyond four times the cap: no tokenizer has tokens that long."""


class FieldEvidence(NamedTuple):
    """The observed state of a field, and the reason as a clause."""

    state: State
    why: str = ""


def warned(x: Exchange, name: str) -> str:
    """Where the response reports that it ignored the field: a header, or a field of its body; else empty."""
    told = (h for h in reply(x).headers if ANNOUNCING.search(h.name) and mentions_word(h.value, name))
    if header := next(told, None):
        return f"the header {header.name.lower()}"
    values = payloads(x) if looks_like_events(x) else (body(x),)
    said = (
        key
        for value in values
        if isinstance(value, dict)
        for key, texts in value.items()
        if ANNOUNCING.search(key) and any(mentions_word(text, name) for text in _texts(texts))
    )
    return f"`{key}` in the response body" if (key := next(said, "")) else ""


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
    if name == "logprobs" and sight.state == "dropped" and seen.logprobs:
        name = "top_logprobs"
    if sight.state == "dropped" and (where := warned(x, name)):
        return name, FieldEvidence("announced", f"{where} reports that `{name}` was ignored")
    return name, sight


def _effect_of(x: Exchange) -> str:
    """The field whose effect the probe shows, or empty."""
    kind, subject = x.case.kind, x.case.subject
    if kind is Kind.TOOLS:
        return "tool_choice" if subject in CHOICES else spec(x.api).single_call if subject == "single" else ""
    if kind is Kind.REPLAY:
        return "" if subject else "tool_choice"
    if kind is Kind.EFFECT:
        return subject
    return {Kind.CHOICES: "n", Kind.USAGE: "stream_options"}.get(kind, "")


def _choices(x: Exchange, seen: Effects) -> FieldEvidence:
    wanted = request_body(x).get("n")
    if not isinstance(wanted, int) or not seen.finishes:
        return FieldEvidence("unknown", "no choice has a finish reason")
    if len(seen.texts) >= wanted:
        return FieldEvidence("honoured")
    return FieldEvidence("dropped", f"`n: {wanted}` was silently ignored: the response has {len(seen.texts)} choice(s)")


def _tool_choice(x: Exchange, seen: Effects) -> FieldEvidence:
    wanted = tool_choice_mode(x)
    if wanted == "none":
        return (
            FieldEvidence("dropped", "`tool_choice: none` was silently ignored: the response has a tool call")
            if seen.calls
            else FieldEvidence("honoured")
        )
    if any(True for _ in wrong_tool_calls(x)):
        return FieldEvidence(
            "dropped", f"`tool_choice` was silently ignored: it names {required_name(x)!r}, but another tool is called"
        )
    if seen.calls:
        return FieldEvidence("honoured")
    if seen.is_cut:
        return FieldEvidence("unknown", "the response was truncated before a tool call")
    if "tool_calls" in seen.finishes.values():
        return FieldEvidence("unknown", "the finish reason announces a tool call, but the response has none")
    return FieldEvidence("dropped", f"`tool_choice: {wanted}` was silently ignored: the response has no tool call")


def _single_call(x: Exchange, seen: Effects) -> FieldEvidence:
    if seen.calls > 1:
        return FieldEvidence(
            "dropped", f"`{spec(x.api).single_call}` was silently ignored: the response has {seen.calls} tool calls"
        )
    return FieldEvidence("honoured") if seen.calls else FieldEvidence("unknown", "the response has no tool call")


def _usage(x: Exchange, seen: Effects) -> FieldEvidence:
    if not looks_like_events(x):
        return FieldEvidence("unknown", "the response is not an event stream")
    if seen.has_usage:
        return FieldEvidence("honoured")
    if not seen.finishes:
        return FieldEvidence("unknown", "the stream was truncated")
    return FieldEvidence(
        "dropped", "`stream_options.include_usage: true` was silently ignored: no chunk has a usage object"
    )


def _cap(x: Exchange, seen: Effects) -> FieldEvidence:
    name = x.case.subject.partition(".")[0]
    cap = request_body(x).get(name)
    if not isinstance(cap, int):
        return FieldEvidence("unknown", "the request has no cap")
    words = len(seen.text.split())
    if seen.completion is not None and seen.completion > cap:
        return FieldEvidence(
            "dropped", f"`{name}: {cap}` was silently ignored: usage counts {seen.completion} completion tokens"
        )
    if words > 4 * cap + MARGIN:
        return FieldEvidence("dropped", f"`{name}: {cap}` was silently ignored: the response has {words} words")
    if "length" in seen.finishes.values() or is_at_cap(x):
        return FieldEvidence("honoured")
    return FieldEvidence("unknown", "the response ended on its own before it reached the cap")


def is_at_cap(x: Exchange) -> bool:
    """Whether usage reports one completion token under a cap of one, with text: the completion was truncated.

    To end on its own, the model would need one more token.
    """
    seen = effects(x)
    return cap_asked(x) == seen.completion == 1 and choices_asked(x) == 1 and bool(seen.text)


def _stop(x: Exchange, seen: Effects) -> FieldEvidence:
    found = next((stop for stop in stops_asked(x) if stop in seen.text), None)
    if found is not None and not ends_with_its_stop(x):
        return FieldEvidence("dropped", f"`{spec(x.api).stop}` was silently ignored: the response contains {found!r}")
    if "stop" in seen.finishes.values():
        return FieldEvidence("honoured")
    return FieldEvidence("unknown", "the response did not end at a stop sequence")


def ends_with_its_stop(x: Exchange) -> bool:
    """Whether the response ends right after a stop sequence: it was honoured, but not removed from the text."""
    seen = effects(x)
    ends = [seen.text.find(stop) + len(stop) for stop in stops_asked(x) if stop in seen.text]
    return "stop" in seen.finishes.values() and ends != [] and min(ends) == len(seen.text)


def _logprobs(x: Exchange, seen: Effects) -> FieldEvidence:
    if not seen.text:
        return FieldEvidence("unknown", "the response has no text that could have log probabilities")
    if not seen.logprobs:
        return FieldEvidence("dropped", "`logprobs: true` was silently ignored: no token has a log probability")
    if not seen.alternatives and request_body(x).get("top_logprobs"):
        return FieldEvidence("dropped", "`top_logprobs` was silently ignored: no token has alternatives")
    return FieldEvidence("honoured")


def _biased(_x: Exchange, seen: Effects) -> FieldEvidence:
    text = seen.text
    if any(_is_repeated(said) for said in (text, f" {text}")):
        return FieldEvidence("honoured")
    if text and seen.is_cut:
        return FieldEvidence("dropped", f"`logit_bias` allows one token, but the response is {display(text)}")
    return FieldEvidence("unknown", "the response ended before it reached the cap")


def _is_repeated(text: str) -> bool:
    """Whether a text is one string repeated four times or more."""
    period = (text + text).find(text, 1)
    return 0 < period <= len(text) // 4


def _format(x: Exchange, seen: Effects) -> FieldEvidence:
    if seen.is_cut or not seen.text.strip():
        return FieldEvidence("unknown", "the response is truncated or empty")
    found, only = said_value(x), only_answer(x)
    if format_asked(x).get("type") == "json_object":
        what = "not JSON" if found is NOT_JSON else f"{display(found)}, not an object"
        is_object = isinstance(found, dict)
        return (
            FieldEvidence("honoured")
            if is_object
            else FieldEvidence("dropped", f"`json_object` was silently ignored: the content is {what}")
        )
    if found is NOT_JSON:
        return FieldEvidence("dropped", "the JSON Schema was silently ignored: the content is not JSON")
    if not _is_it(found, only):
        return FieldEvidence(
            "dropped", "the JSON Schema was silently ignored: it allows one value, and the content has another"
        )
    return FieldEvidence("honoured")


def said_value(x: Exchange) -> Any:
    """The JSON value of the response's text, or NOT_JSON."""
    return parse_json(effects(x).text.strip().encode("utf-8", "surrogatepass"))


def _is_it(found: Any, only: dict[str, Any]) -> bool:
    """Whether a value is the allowed one; damaged characters are a different defect."""
    if not isinstance(found, dict) or found.keys() != only.keys():
        return False
    return all(said == only[name] or is_damaged(str(said), str(only[name])) for name, said in found.items())


def only_answer(x: Exchange) -> dict[str, Any]:
    """The one value that the request's JSON Schema of one-valued enumerations allows."""
    fields = as_object(as_object(format_asked(x).get("schema")).get("properties"))
    return {name: _first(part.get("enum")) for name, part in fields.items() if isinstance(part, dict)}


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else None


EFFECT_READERS: dict[str, Callable[[Exchange, Effects], FieldEvidence]] = {
    "n": _choices,
    "tool_choice": _tool_choice,
    **{api.single_call: _single_call for api in SPECS},
    "stream_options": _usage,
    **{name: _cap for api in SPECS for name in api.caps},
    **{api.stop: _stop for api in SPECS if api.stop},
    "logprobs": _logprobs,
    "logit_bias": _biased,
    **{api.format: _format for api in SPECS},
}
"""For each field, how to read its effect from any model's response, obedient or random."""


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
        said = error_response(x)
        return name, _refused(said, _is_about(said, name)) if said else sight
    return None


def _refused(said: ErrorResponse, is_named: bool) -> FieldEvidence:  # noqa: FBT001 - a plain fact
    """The state for an error response to a value that would have shown an effect."""
    if is_named:
        return FieldEvidence("refused", f"rejected with {said.status}; the error names the field")
    return FieldEvidence("unknown", f"rejected with {said.status}; the error does not name the field")


def _streaming(x: Exchange) -> FieldEvidence:
    if said := error_response(x):
        state: State = "refused" if refuses_streaming(x) else "unknown"
        return FieldEvidence(state, f"rejected with {said.status}")
    if reply(x).status not in range(200, 300):
        return FieldEvidence("unknown", f"the response has status {reply(x).status}")
    if looks_like_events(x) or is_labelled(reply(x)):
        return FieldEvidence("honoured", "the response is an event stream")
    if where := warned(x, "stream"):
        return FieldEvidence("announced", f"{where} reports that `stream` was ignored")
    return FieldEvidence("dropped", "a non-streaming response was received instead of an event stream")


def mistyped(x: Exchange, baseline: Exchange | None) -> FieldEvidence:
    """The state that a field's wrong type shows: a target that reads the field must reject it."""
    name, said = x.case.subject, error_response(x)
    if said:
        return _mistyped_refused(x, baseline, said)
    if reply(x).status not in range(200, 300):
        return FieldEvidence("unknown", f"the response has status {reply(x).status}")
    if where := warned(x, name):
        return FieldEvidence("announced", f"{where} reports that `{name}` was ignored")
    if name in spec(x.api).effects:
        return FieldEvidence("unknown", "a wrong type is silently ignored, but a right one may be honoured")
    return FieldEvidence("dropped", "a value of a wrong type is silently ignored")


def _mistyped_refused(x: Exchange, baseline: Exchange | None, said: ErrorResponse) -> FieldEvidence:
    if said.status >= 500 and said.status != 501:
        return FieldEvidence("unknown", f"the target failed with {said.status}")
    if _names_any(said, x.case.subject):
        if said.status == 501 or UNSUPPORTED.search(said.message):
            return FieldEvidence("refused", f"rejected with {said.status}; the error names the field as not supported")
        return FieldEvidence("honoured", f"a wrong type is rejected with {said.status}; the error names the field")
    is_answered = baseline is not None and reply(baseline).status in range(200, 300) and not error_response(baseline)
    if is_answered and not (names_field(said, COST_CAP_FIELD) or other_rejected_fields(x, baseline, said)):
        return FieldEvidence("honoured", f"a wrong type is rejected with {said.status}, the baseline request is not")
    return FieldEvidence("unknown", f"rejected with {said.status}; the error does not name the field")


def other_rejected_fields(x: Exchange, baseline: Exchange | None, said: ErrorResponse) -> tuple[str, ...]:
    """The fields named in an error that were added for this probe, except the probed field itself."""
    usual = request_body(baseline) if baseline is not None else {}
    own = x.case.subject.partition(".")[0]
    return tuple(
        name for name in request_body(x) if name not in (*usual, own, COST_CAP_FIELD) and names_field(said, name)
    )


def _canary(x: Exchange) -> FieldEvidence:
    said, name = error_response(x), x.case.subject
    if said:
        return _refused(said, names_field(said, name))
    if reply(x).status not in range(200, 300):
        return FieldEvidence("unknown", f"the response has status {reply(x).status}")
    if where := warned(x, name):
        return FieldEvidence("announced", f"{where} reports that `{name}` was ignored")
    return FieldEvidence("dropped", "an unknown field is silently ignored")


def _names_any(said: ErrorResponse, name: str) -> bool:
    """Whether an error names the field, or its parent object."""
    return any(names_field(said, part) for part in name.split("."))


def _is_about(said: ErrorResponse, name: str) -> bool:
    """Whether an error names the field, and its `param` is not another one, such as `top_logprobs` for `logprobs`."""
    return _names_any(said, name) and (
        said.param is None or any(mentions_word(said.param, part) for part in name.split("."))
    )


def merge(one: State, other: State) -> State:
    """The state of a field that was probed twice: the worst one; `unknown` adds nothing."""
    return min(one, other, key=WORST_FIRST.index)
