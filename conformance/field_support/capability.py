"""Read what one exchange shows of one request field: honoured, refused, announced as ignored, or dropped."""

import re
from collections.abc import Callable, Iterator
from typing import Any, Literal, NamedTuple

from conformance.apis.errors import Refusal, body, mentions, names, refusal, refuses_streaming
from conformance.apis.request import CAPS, FORMATS, STOPS, asked, cap_asked, choices_asked, format_asked, stops_asked
from conformance.apis.tools import SINGLE, freedom, misnamed, required_name
from conformance.field_support.effects import Effects, effects, illegible
from conformance.model.exchange import Api, Exchange
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON, value_of
from conformance.parsing.json_values import mapping, shown
from conformance.parsing.single_value import is_damaged
from conformance.parsing.sse import is_labelled, looks_like_events, payloads

State = Literal["honoured", "refused", "announced", "dropped", "unknown"]
WORST_FIRST: tuple[State, ...] = ("dropped", "announced", "refused", "honoured", "unknown")

CHOICES = ("", "none", "named", "replay")
"""The questions about tools that bear witness to `tool_choice`; `single` does to the field that allows one call."""

RIDER = "max_tokens"
"""The cap that rides along with a question so that a target which ignores the field answers with one token."""

WITNESSED: dict[Api, tuple[str, ...]] = {
    "chat": (
        "n",
        "logprobs",
        "top_logprobs",
        "tool_choice",
        "response_format",
        "stop",
        "stream_options",
        "stream_options.include_usage",
        "response_format.json_schema",
        "max_tokens",
        "max_completion_tokens",
        "logit_bias",
    ),
    "messages": ("tool_choice", "stop_sequences", "max_tokens"),
    "responses": ("tool_choice", "max_output_tokens", "text"),
}
"""Fields with a witness: there an ignored wrong type does not prove that a right one is ignored."""

UNSUPPORTED = re.compile(
    r"not supported|unsupported|not implemented|unknown|unrecogni[sz]ed|unexpected (?:field|parameter|keyword)"
    r"|extra (?:inputs|fields)|not (?:a )?(?:permitted|allowed|known)|additional propert",
    re.IGNORECASE,
)
ANNOUNCING = re.compile(r"warn|ignor|drop|unsupported|unknown|unrecogni", re.IGNORECASE)
MARGIN = 8
"""Words beyond four times the cap: no tokenizer makes so much of one token."""


class Sight(NamedTuple):
    """What was seen of a field, and the reason in a clause."""

    state: State
    why: str = ""


def announced(x: Exchange, name: str) -> str:
    """Where the answer says that it ignored the field: a header made for that, or a field of its body; else nothing."""
    told = (h for h in reply(x).headers if ANNOUNCING.search(h.name) and mentions(h.value, name))
    if header := next(told, None):
        return f"the header {header.name.lower()}"
    values = payloads(x) if looks_like_events(x) else (body(x),)
    said = (
        key
        for value in values
        if isinstance(value, dict)
        for key, texts in value.items()
        if ANNOUNCING.search(key) and any(mentions(text, name) for text in _texts(texts))
    )
    return f"`{key}` of the answer" if (key := next(said, "")) else ""


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


def witnessed(x: Exchange) -> tuple[str, Sight] | None:
    """The field that a successful answer bears witness to, and what it shows; None where the question is no witness."""
    name = _witness_of(x)
    if name not in WITNESSES:
        return None
    if fault := illegible(x):
        return name, Sight("unknown", fault)
    seen = effects(x)
    sight = WITNESSES[name](x, seen)
    if name == "logprobs" and sight.state == "dropped" and seen.logprobs:
        name = "top_logprobs"
    if sight.state == "dropped" and (where := announced(x, name)):
        return name, Sight("announced", f"{where} says that `{name}` was ignored")
    return name, sight


def _witness_of(x: Exchange) -> str:
    """The field that the question bears witness to, or nothing."""
    topic, about = x.question.topic, x.question.about
    if topic == "tools":
        return "tool_choice" if about in CHOICES else SINGLE[x.api] if about == "single" else ""
    if topic == "witness":
        return about.partition(".")[0]
    return {"n": "n", "usage": "stream_options"}.get(topic, "")


def _choices(x: Exchange, seen: Effects) -> Sight:
    wanted = asked(x).get("n")
    if not isinstance(wanted, int) or not seen.finishes:
        return Sight("unknown", "the answer has no finished choice")
    if len(seen.texts) >= wanted:
        return Sight("honoured")
    return Sight("dropped", f"`n: {wanted}` was asked and {len(seen.texts)} choice came")


def _tool_choice(x: Exchange, seen: Effects) -> Sight:
    wanted = freedom(x)
    if wanted == "none":
        return (
            Sight("dropped", "`tool_choice: none` was asked and a tool is called") if seen.calls else Sight("honoured")
        )
    if any(True for _ in misnamed(x)):
        return Sight("dropped", f"{required_name(x)!r} was to be called and another tool is")
    if seen.calls:
        return Sight("honoured")
    if seen.is_cut:
        return Sight("unknown", "the answer ended before a tool call could be seen")
    if "tool_calls" in seen.finishes.values():
        return Sight("unknown", "the answer says that it calls a tool, and the call is lost")
    return Sight("dropped", f"`tool_choice: {wanted}` was asked and the answer holds no tool call")


def _single_call(x: Exchange, seen: Effects) -> Sight:
    if seen.calls > 1:
        return Sight("dropped", f"one call was allowed by `{SINGLE[x.api]}` and {seen.calls} came")
    return Sight("honoured") if seen.calls else Sight("unknown", "the answer holds no tool call")


def _usage(x: Exchange, seen: Effects) -> Sight:
    if not looks_like_events(x):
        return Sight("unknown", "no event stream came")
    if seen.has_usage:
        return Sight("honoured")
    if not seen.finishes:
        return Sight("unknown", "the stream broke off before its end")
    return Sight("dropped", "`stream_options.include_usage: true` was asked and no chunk holds a usage object")


def _cap(x: Exchange, seen: Effects) -> Sight:
    name = x.question.about.partition(".")[0]
    cap = asked(x).get(name)
    if not isinstance(cap, int):
        return Sight("unknown", "the request has no cap")
    words = len(seen.text.split())
    if seen.completion is not None and seen.completion > cap:
        return Sight("dropped", f"`{name}: {cap}` was asked and the usage reports {seen.completion} completion tokens")
    if words > 4 * cap + MARGIN:
        return Sight("dropped", f"`{name}: {cap}` was asked and {words} words came")
    if "length" in seen.finishes.values() or is_at_cap(x):
        return Sight("honoured")
    return Sight("unknown", "the answer ended by itself before the cap could be seen")


def is_at_cap(x: Exchange) -> bool:
    """Whether the answer is one token of text under a cap of one, as its usage tells: the model was cut off.

    An end of its own would be a token more, which the cap did not leave.
    """
    seen = effects(x)
    return cap_asked(x) == seen.completion == 1 and choices_asked(x) == 1 and bool(seen.text)


def _stop(x: Exchange, seen: Effects) -> Sight:
    found = next((stop for stop in stops_asked(x) if stop in seen.text), None)
    if found is not None and not ends_with_its_stop(x):
        return Sight("dropped", f"`{STOPS[x.api]}` was asked with {found!r}, which stands in the answer")
    if "stop" in seen.finishes.values():
        return Sight("honoured")
    return Sight("unknown", "the answer came to no stop")


def ends_with_its_stop(x: Exchange) -> bool:
    """Whether the answer stopped at a stop text, and right after it: it was heeded, and not cut off."""
    seen = effects(x)
    ends = [seen.text.find(stop) + len(stop) for stop in stops_asked(x) if stop in seen.text]
    return "stop" in seen.finishes.values() and ends != [] and min(ends) == len(seen.text)


def _logprobs(x: Exchange, seen: Effects) -> Sight:
    if not seen.text:
        return Sight("unknown", "the answer holds no text that could have log probabilities")
    if not seen.logprobs:
        return Sight("dropped", "`logprobs: true` was asked and no token has a log probability")
    if not seen.alternatives and asked(x).get("top_logprobs"):
        return Sight("dropped", "`top_logprobs` was asked and no token has alternatives")
    return Sight("honoured")


def _biased(_x: Exchange, seen: Effects) -> Sight:
    text = seen.text
    if any(_is_repeated(said) for said in (text, f" {text}")):
        return Sight("honoured")
    if text and seen.is_cut:
        return Sight("dropped", f"`logit_bias` allowed one token, and the answer is {shown(text)}")
    return Sight("unknown", "the answer ended before its cap")


def _is_repeated(text: str) -> bool:
    """Whether a text is one piece, four times or more."""
    period = (text + text).find(text, 1)
    return 0 < period <= len(text) // 4


def _format(x: Exchange, seen: Effects) -> Sight:
    if seen.is_cut or not seen.text.strip():
        return Sight("unknown", "the answer was cut short or empty")
    found, only = said_value(x), only_answer(x)
    if format_asked(x).get("type") == "json_object":
        what = "no JSON text" if found is NOT_JSON else f"JSON, but {shown(found)}"
        is_object = isinstance(found, dict)
        return Sight("honoured") if is_object else Sight("dropped", f"an object was asked for and the answer is {what}")
    if found is NOT_JSON:
        return Sight("dropped", "a JSON Schema was asked for and the answer is no JSON text")
    if not _is_it(found, only):
        return Sight("dropped", "a JSON Schema with one possible answer was asked for and another answer came")
    return Sight("honoured")


def said_value(x: Exchange) -> Any:
    """What the answer's text holds where it is a JSON text, or NOT_JSON."""
    return value_of(effects(x).text.strip().encode("utf-8", "surrogatepass"))


def _is_it(found: Any, only: dict[str, Any]) -> bool:
    """Whether a value is the one that is allowed; characters that were lost on the way are another fault."""
    if not isinstance(found, dict) or found.keys() != only.keys():
        return False
    return all(said == only[name] or is_damaged(str(said), str(only[name])) for name, said in found.items())


def only_answer(x: Exchange) -> dict[str, Any]:
    """The one answer that the request's JSON Schema of one-valued enumerations allows."""
    fields = mapping(mapping(format_asked(x).get("schema")).get("properties"))
    return {name: _first(part.get("enum")) for name, part in fields.items() if isinstance(part, dict)}


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else None


WITNESSES: dict[str, Callable[[Exchange, Effects], Sight]] = {
    "n": _choices,
    "tool_choice": _tool_choice,
    **dict.fromkeys(SINGLE.values(), _single_call),
    "stream_options": _usage,
    **{name: _cap for names in CAPS.values() for name in names},
    **dict.fromkeys(STOPS.values(), _stop),
    "logprobs": _logprobs,
    "logit_bias": _biased,
    **dict.fromkeys(FORMATS.values(), _format),
}
"""For each field, how its effect shows in any model's answer, obedient or random."""


def capability(x: Exchange, hello: Exchange | None) -> tuple[str, Sight] | None:
    """The field that this exchange was asked to find out about, and what it shows of it.

    `hello` is the same profile's greeting in the same mode: where it fails too, an unspecific refusal says nothing.
    None where the exchange asks about no field, or asks in a mode that the target declares not implemented.
    """
    topic, about = x.question.topic, x.question.about
    if topic == "hello":
        return ("stream", _streaming(x)) if x.mode == "stream" else None
    if refuses_streaming(x):
        return None
    if topic == "wrong-type":
        return about, mistyped(x, hello)
    if topic == "unknown-field":
        return about, _canary(x)
    if found := witnessed(x):
        name, sight = found
        said = refusal(x)
        return name, _refused(said, _is_about(said, name)) if said else sight
    return None


def _refused(said: Refusal, is_named: bool) -> Sight:  # noqa: FBT001 - a plain fact
    """A refusal of a value that would have shown an effect."""
    if is_named:
        return Sight("refused", f"refused by name with {said.status}")
    return Sight("unknown", f"refused with {said.status}, and not by name")


def _streaming(x: Exchange) -> Sight:
    if said := refusal(x):
        state: State = "refused" if refuses_streaming(x) else "unknown"
        return Sight(state, f"refused with {said.status}")
    if reply(x).status not in range(200, 300):
        return Sight("unknown", f"answered with {reply(x).status}")
    if looks_like_events(x) or is_labelled(reply(x)):
        return Sight("honoured", "a stream of events came")
    if where := announced(x, "stream"):
        return Sight("announced", f"{where} says that `stream` was ignored")
    return Sight("dropped", "one whole answer came in place of a stream")


def mistyped(x: Exchange, hello: Exchange | None) -> Sight:
    """What the answer to a field of a wrong type shows: who reads the field must refuse it."""
    name, said = x.question.about, refusal(x)
    if said:
        return _mistyped_refused(x, hello, said)
    if reply(x).status not in range(200, 300):
        return Sight("unknown", f"answered with {reply(x).status}")
    if where := announced(x, name):
        return Sight("announced", f"{where} says that `{name}` was ignored")
    if name in WITNESSED[x.api]:
        return Sight("unknown", "a wrong type is passed over, and a right one may be read")
    return Sight("dropped", "a wrong type was answered as if it were not there")


def _mistyped_refused(x: Exchange, hello: Exchange | None, said: Refusal) -> Sight:
    if said.status >= 500 and said.status != 501:
        return Sight("unknown", f"the target failed with {said.status}")
    if _names_any(said, x.question.about):
        if said.status == 501 or UNSUPPORTED.search(said.message):
            return Sight("refused", f"refused by name as not supported ({said.status})")
        return Sight("honoured", f"a wrong type is refused by name with {said.status}")
    is_answered = hello is not None and reply(hello).status in range(200, 300) and not refusal(hello)
    if is_answered and not (names(said, RIDER) or companions(x, hello, said)):
        return Sight("honoured", f"a wrong type is refused with {said.status}, and the greeting is not")
    return Sight("unknown", f"refused with {said.status}, and not by name")


def companions(x: Exchange, hello: Exchange | None, said: Refusal) -> tuple[str, ...]:
    """The fields that a refusal names of those that were sent along with the field in question alone."""
    usual = asked(hello) if hello is not None else {}
    own = x.question.about.partition(".")[0]
    return tuple(name for name in asked(x) if name not in (*usual, own, RIDER) and names(said, name))


def _canary(x: Exchange) -> Sight:
    said, name = refusal(x), x.question.about
    if said:
        return _refused(said, names(said, name))
    if reply(x).status not in range(200, 300):
        return Sight("unknown", f"answered with {reply(x).status}")
    if where := announced(x, name):
        return Sight("announced", f"{where} says that `{name}` was ignored")
    return Sight("dropped", "an unknown field was answered as if it were not there")


def _names_any(said: Refusal, name: str) -> bool:
    """Whether a refusal names the field, or the object that holds it."""
    return any(names(said, part) for part in name.split("."))


def _is_about(said: Refusal, name: str) -> bool:
    """Whether a refusal names the field, and as its param no other one, such as `top_logprobs` beside `logprobs`."""
    return _names_any(said, name) and (
        said.param is None or any(mentions(said.param, part) for part in name.split("."))
    )


def merge(one: State, other: State) -> State:
    """The state of a field that was asked about twice: the worst that was seen; `unknown` adds nothing."""
    return min(one, other, key=WORST_FIRST.index)
