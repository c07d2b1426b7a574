"""Read the effect of a request field from a response: of any model, obedient or random."""

from collections.abc import Callable
from typing import Any

from conformance.apis.echoed import has_prompt, with_prompts
from conformance.apis.logprobs import requested_alternatives
from conformance.apis.request import request_body
from conformance.apis.request_fields import requested_cap, requested_choices, requested_format, requested_stops
from conformance.apis.response_content import response_content
from conformance.apis.specs import CONVERSATIONS, GENERATIONS, conversation, generation
from conformance.apis.tools import TOOL_CALL_MARKERS, required_name, tool_choice_mode, wrong_tool_calls
from conformance.field_support import embeddings
from conformance.field_support.effects import Effects, effects
from conformance.field_support.states import FieldEvidence
from conformance.model.exchange import Exchange
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.json_values import as_object, display
from conformance.parsing.single_value import damaged_ends, is_damaged
from conformance.parsing.sse import looks_like_events

MARGIN = 1
"""Words beyond four times the cap: no tokenizer has tokens that long."""
LONG_TOKEN = 16
"""Characters; a text has more tokens than it has runs of that length, in any language."""
PREAMBLE_CAP = 32
"""Tokens; a text that uses up a larger cap is no preamble to a tool call."""


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
            _present("`tool_choice: none` was silently ignored: the response has a tool call")
            if seen.calls
            else FieldEvidence("honoured")
        )
    if any(True for _ in wrong_tool_calls(x)):
        return _present(
            f"`tool_choice` was silently ignored: it names {required_name(x)!r}, but another tool is called"
        )
    return FieldEvidence("honoured") if seen.calls else _uncalled(x, seen)


def _uncalled(x: Exchange, seen: Effects) -> FieldEvidence:
    """The state of `tool_choice` if it requires a call, and there is none."""
    wanted = tool_choice_mode(x)
    if is_text_to_the_cap(x):
        return FieldEvidence(
            "dropped", f"`tool_choice: {wanted}` was silently ignored: the response is text up to its token cap"
        )
    if seen.is_cut:
        return FieldEvidence("unknown", "the response was truncated before a tool call")
    if "tool_calls" in seen.finishes.values():
        return FieldEvidence("unknown", "the finish reason announces a tool call, but the response has none")
    return FieldEvidence("dropped", f"`tool_choice: {wanted}` was silently ignored: the response has no tool call")


def _present(why: str) -> FieldEvidence:
    """Dropped, as something shows that the response has."""
    return FieldEvidence("dropped", why, is_present=True)


def is_text_to_the_cap(x: Exchange) -> bool:
    """Whether a response has used up a large token cap with plain text, without the beginning of a tool call.

    A model that is constrained to a call writes none, or a sentence before it; one that reasons first is not judged.
    """
    choices, cap = response_content(x).choices, requested_cap(x)
    if cap <= PREAMBLE_CAP or not choices or any(c.calls or c.reasoning or c.refusal or c.other for c in choices):
        return False
    texts = [choice.text.strip() for choice in choices]
    is_capped = all(choice.end == "length" for choice in choices)
    return is_capped and all(len(text.split()) > cap // 4 and not _may_be_a_call(text) for text in texts)


def _may_be_a_call(text: str) -> bool:
    """Whether a text may be reasoning, or a call that was not parsed."""
    return text.startswith(("<", "{", "[", "`")) or bool(TOOL_CALL_MARKERS.search(text))


def _single_call(x: Exchange, seen: Effects) -> FieldEvidence:
    if seen.calls > 1:
        return _present(
            f"`{conversation(x.api).single_call}` was silently ignored: the response has {seen.calls} tool calls"
        )
    return FieldEvidence("honoured") if seen.calls else FieldEvidence("unknown", "the response has no tool call")


def _usage(x: Exchange, seen: Effects) -> FieldEvidence:
    if not looks_like_events(x):
        return FieldEvidence("unknown", "the response is not an event stream")
    if seen.has_usage:
        return FieldEvidence("honoured") if seen.counts_any else FieldEvidence("unknown", "usage counts nothing")
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
    text = _capped_text(x, seen)
    words, least = len(text.split()), len(text) // LONG_TOKEN
    how = _overrun(seen)
    if words > 4 * cap + MARGIN:
        return _present(f"`{name}: {cap}` was {how}: the response has {words} words")
    if seen.completion is not None and seen.completion > cap:
        if max(words, least) > cap:
            return FieldEvidence(
                "dropped", f"`{name}: {cap}` was {how}: usage counts {seen.completion} completion tokens"
            )
        if "length" not in seen.finishes.values():
            why = f"usage counts {seen.completion} completion tokens, but the response has only {words} word(s)"
            return FieldEvidence("unknown", why)
    if "length" in seen.finishes.values() or is_at_cap(x):
        return FieldEvidence("honoured")
    return FieldEvidence("unknown", "the response ended on its own before it reached the cap")


def _overrun(seen: Effects) -> str:
    """What became of a cap that a response exceeds: a truncated response met another cap than the request's."""
    if "length" in seen.finishes.values():
        return "not kept (the response is truncated, but only by a higher cap)"
    return "silently ignored"


def _capped_text(x: Exchange, seen: Effects) -> str:
    """What the cap limits, of the first choice: all that was generated, or only the text, where that ends at the cap.

    Some vendors' caps do not count reasoning: such a cap is no ignored one, and usage shows what it leaves out.
    """
    if seen.text.strip() and "length" in seen.finishes.values():
        return seen.text
    return " ".join((*(choice.reasoning for choice in response_content(x).choices[:1]), seen.text))


def is_at_cap(x: Exchange) -> bool:
    """Whether usage reports as many completion tokens as the cap allows, with a text that the cap truncated.

    One token is always cut: to end on its own, the model would need one more.
    """
    seen, cap = effects(x), requested_cap(x)
    if not seen.text.strip() or seen.completion != cap or requested_choices(x) > 1:
        return False
    return cap == 1 or is_mid_sentence(seen.text)


def is_mid_sentence(text: str) -> bool:
    """Whether a text ends with a word, a comma or the like, as no complete sentence does."""
    last = text.rstrip()[-1:]
    return last.isalnum() or last in (",", ";", ":", "-")


def _stop(x: Exchange, seen: Effects) -> FieldEvidence:
    found = next((stop for stop in requested_stops(x) if stop in seen.text), None)
    if found is not None and not ends_with_its_stop(x):
        why = f"`{generation(x.api).stop}` was silently ignored: the response contains {found!r}"
        return FieldEvidence("dropped", why, is_present=not seen.text.endswith(found))
    if "stop" in seen.finishes.values():
        return FieldEvidence("honoured")
    return FieldEvidence("unknown", "the response did not end at a stop sequence")


def ends_with_its_stop(x: Exchange) -> bool:
    """Whether the response ends right after a stop sequence: it was honoured, but not removed from the text."""
    seen = effects(x)
    ends = [seen.text.find(stop) + len(stop) for stop in requested_stops(x) if stop in seen.text]
    return "stop" in seen.finishes.values() and ends != [] and min(ends) == len(seen.text)


def _logprobs(x: Exchange, seen: Effects) -> FieldEvidence:
    if not seen.text:
        return FieldEvidence("unknown", "the response has no text that could have log probabilities")
    if not seen.logprobs:
        return FieldEvidence("dropped", "`logprobs` was silently ignored: no token has a log probability")
    if not seen.alternatives and (wanted := requested_alternatives(x)):
        ignored = f"`logprobs: {wanted}`" if x.api == "completions" else "`top_logprobs`"
        part = " in part" if x.api == "completions" else ""  # one field asks for both
        return FieldEvidence("dropped", f"{ignored} was silently ignored{part}: no token has alternatives")
    return FieldEvidence("honoured")


def _echo(x: Exchange, seen: Effects) -> FieldEvidence:
    if not seen.finishes:
        return FieldEvidence("unknown", "the response was truncated")
    found = [has_prompt(text, prompt) for _, text, prompt in with_prompts(x)]
    if not found:
        return FieldEvidence("unknown", "the prompts are token IDs, whose text is not known")
    if all(found):
        return FieldEvidence("honoured")
    return FieldEvidence("dropped", "`echo: true` was silently ignored: the text does not begin with the prompt")


def _biased(_x: Exchange, seen: Effects) -> FieldEvidence:
    text = seen.text
    if any(_is_repeated(each) for each in (text, f" {text}")):
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
    found, only = json_value(x), only_answer(x)
    if lost_or_doubled(x):
        return FieldEvidence("honoured")
    if requested_format(x).get("type") == "json_object":
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


def lost_or_doubled(x: Exchange) -> str:
    """How the text differs at one end from the only value that the request's JSON Schema allows (CMP019 reports it)."""
    only = only_answer(x)
    return damaged_ends(effects(x).text, only) if only and json_value(x) != only else ""


def json_value(x: Exchange) -> Any:
    """The JSON value of the response's text, or NOT_JSON."""
    return parse_json(effects(x).text.strip().encode("utf-8", "surrogatepass"))


def _is_it(found: Any, only: dict[str, Any]) -> bool:
    """Whether a value is the allowed one; damaged characters are a different defect."""
    if not isinstance(found, dict) or found.keys() != only.keys():
        return False
    return all(value == only[name] or is_damaged(str(value), str(only[name])) for name, value in found.items())


def only_answer(x: Exchange) -> dict[str, Any]:
    """The one value that the request's JSON Schema of one-valued enumerations allows."""
    fields = as_object(as_object(requested_format(x).get("schema")).get("properties"))
    return {name: _first(part.get("enum")) for name, part in fields.items() if isinstance(part, dict)}


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else None


EFFECT_READERS: dict[str, Callable[[Exchange, Effects], FieldEvidence]] = {
    "n": _choices,
    "tool_choice": _tool_choice,
    **{api.single_call: _single_call for api in CONVERSATIONS},
    "stream_options": _usage,
    **{name: _cap for api in GENERATIONS for name in api.caps},
    **{api.stop: _stop for api in GENERATIONS if api.stop},
    "logprobs": _logprobs,
    "echo": _echo,
    "logit_bias": _biased,
    **{api.format: _format for api in CONVERSATIONS},
    **embeddings.READERS,
}
"""For each field, how to read its effect."""
