"""The preflight: a few small requests that show how the model behind a target has to be asked. Pure.

What the next request is, and what the dialect is, follows from the exchanges so far, so that a recording shows both.
"""

import re
from collections.abc import Collection, Sequence
from itertools import count
from typing import Any, Final

import msgspec

from conformance import catalogue
from conformance.apis.errors import error_response, quoted
from conformance.apis.request_fields import requested_cap
from conformance.apis.response_content import response_content
from conformance.apis.specs import caps, generation, spec, url_of
from conformance.apis.usage import usage
from conformance.apis.vendor_refusals import refused_cap
from conformance.field_support.capability import is_unsupported
from conformance.model.case import CaseId, Kind
from conformance.model.dialect import USUAL, Dialect, KeyHeader
from conformance.model.exchange import Exchange, Request
from conformance.model.profile import Profile
from conformance.model.target import Target
from conformance.model.words import Api
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import as_object, is_integer
from conformance.plan import again, request_headers, to_json
from conformance.probes.baseline import user_message

SMALLEST, OTHER_CAP, NO_CAP, OTHER_KEY_HEADER, LARGER_CAP, ALIVE = (
    "smallest",
    "other-cap",
    "no-cap",
    "other-key-header",
    "larger-cap",
    "alive",
)
"""The steps, which are the subjects of the test cases."""
MOST_REQUESTS: Final = 6
"""The most requests of a preflight, over all APIs."""
SMALL_PROMPT: Final = "Say hello."
LARGE_PROMPT: Final = "Count from one to twenty in words, nothing else."
"""A prompt over which models that reason do so about as long as over those of the probes."""
LARGE_CAP: Final = 1024
"""A cap under which nearly every model that reasons comes to its text."""
LETTERS_PER_TOKEN: Final = 3
"""Fewer than a token of any language has on average: an estimate of tokens errs on the large side."""
STEP: Final = 16


def next_request(target: Target, api: Api, seen: Sequence[Exchange]) -> Request | None:
    """The next request of the preflight of an API after the exchanges `seen`, or None if enough is known.

    A dialect that the target's owner has set needs one request, which shows that the target is there; but if the target
    refuses its cap, the preflight goes on. A request that fails by chance is sent once more.
    """
    step = _next_step(api, seen, is_known=api in target.dialect)
    if not step:
        return None
    dialect = settled(target, api, seen)
    make = models_request if step == ALIVE else smallest_request
    request = make(target, api, step, dialect)
    return again(request) if any(x.case.subject == step for x in seen) else request


def once_more(target: Target, api: Api, dialect: Dialect, sent: Collection[str]) -> Request:
    """The smallest request again, as the first attempt that is not among the IDs `sent`: is the target free?"""
    smallest = smallest_request(target, api, SMALLEST, dialect)
    return next(due for due in (again(smallest, attempt) for attempt in count(2)) if due.id not in sent)


def settled(target: Target, api: Api, seen: Sequence[Exchange]) -> Dialect:
    """The dialect that the target's owner has set, unless the target refuses its cap; else what the preflight shows."""
    known = target.dialect.get(api)
    return known if known and not any(map(_refused_cap, seen)) else dialect_of(api, seen)


def _next_step(api: Api, seen: Sequence[Exchange], *, is_known: bool) -> str:
    if not seen:
        return SMALLEST
    steps, last = [x.case.subject for x in seen], seen[-1]
    if is_silent(last):
        return "" if ALIVE in steps else ALIVE
    if _is_by_chance(last):
        return last.case.subject if steps.count(last.case.subject) == 1 else ""
    if last.case.subject == ALIVE or (is_known and not any(map(_refused_cap, seen))):
        return ""
    return _step_after(api, last, steps)


def _step_after(api: Api, last: Exchange, steps: Sequence[str]) -> str:
    """The step that a response calls for, if it was not taken yet."""
    if reply(last).status in (401, 403):
        return "" if OTHER_KEY_HEADER in steps or not _other_key_header(api) else OTHER_KEY_HEADER
    if _refused_cap(last) and NO_CAP not in steps:
        return NO_CAP if OTHER_CAP in steps else OTHER_CAP
    is_too_small = _is_used_up(last) or _accepted_cap(last) > 1
    return LARGER_CAP if is_too_small and LARGER_CAP not in steps else ""


def _is_by_chance(x: Exchange) -> bool:
    """Whether the response is lost, or its error may not come a second time."""
    is_lost = x.is_lost and x.ending.how != "unreachable"
    return is_lost or reply(x).status in (408, 429) or (reply(x).status >= 500 and reply(x).status != 501)


def is_silent(x: Exchange) -> bool:
    """Whether the harness waited for a response in vain."""
    return x.ending.how == "timeout" and not x.received


def dialect_of(api: Api, seen: Sequence[Exchange]) -> Dialect:
    """The dialect that the exchanges of an API's preflight show."""
    found: dict[str, Any] = {}
    refused: dict[str, str] = {}
    for x in seen:
        if cap := _refused_cap(x):
            refused[cap] = quoted(error_response(x).message, 200)
            found["cap_field"] = next((name for name in caps(api) if name not in refused), None)
        if (least := _accepted_cap(x)) > 1:
            found["min_cap"] = least
        if x.case.subject == OTHER_KEY_HEADER and reply(x).status not in (401, 403):
            found["key_header"] = _other_key_header(api)
        if _is_used_up(x) or x.case.subject == LARGER_CAP:
            found |= _reasoning(x)
    return Dialect(**found, refused=refused, unknown=_unknown(seen))


def _unknown(seen: Sequence[Exchange]) -> str:
    """Why the exchanges do not show the dialect, or empty."""
    last = next((x for x in reversed(seen) if x.case.subject != ALIVE), None)
    if last is None or is_silent(last) or reply(last).status in (401, 403, 404, 405, 501):
        return ""
    if last.is_lost:
        return f"the response to the smallest request was lost ({last.ending.detail or last.ending.how})"
    if reply(last).status == 200 and not error_response(last):
        return ""
    error = error_response(last)
    words = f": {quoted(error.message or error.text, 200)}" if error else ""
    return f"the smallest request got HTTP {reply(last).status}{words}"


def _reasoning(x: Exchange) -> dict[str, Any]:
    """Whether the model reasons, and the tokens that it needs before its text."""
    choices = response_content(x).choices
    shown = sum(len(choice.reasoning) for choice in choices)
    counted = _counted_reasoning(x)
    if x.case.subject != LARGER_CAP:
        return {"reasons": True} if shown or counted else {}
    text = "".join(choice.text for choice in choices)
    spent = usage(x)
    if not text or not choices:
        return {"reasons": True} if shown or counted else {}
    unseen = max(counted, shown // LETTERS_PER_TOKEN)
    if spent and not unseen:
        unseen = max(0, spent.completion - len(text) // LETTERS_PER_TOKEN - STEP)
    return {"reasons": bool(shown or counted), "least_cap": _with_margin(unseen)}


def _with_margin(tokens: int) -> int:
    """Twice as many tokens, since reasoning varies, in whole steps, and one for the text."""
    return -(-2 * tokens // STEP) * STEP + 1


def _counted_reasoning(x: Exchange) -> int:
    details = as_object(response_content(x).usage).get(f"{generation(x.api).output_tokens}_details")
    counted = as_object(details).get("reasoning_tokens")
    return int(counted) if is_integer(counted) and 0 < counted <= LARGE_CAP * 8 else 0


def _is_used_up(x: Exchange) -> bool:
    """Whether the cap was used up before any text."""
    if spec(x.api).generation is None or reply(x).status != 200 or error_response(x):
        return False
    choices = response_content(x).choices
    return _is_cut(x) and all(choice.is_empty or not choice.text.strip() for choice in choices)


def _is_cut(x: Exchange) -> bool:
    """Whether the completion ended at its cap: by its own word or, after reasoning, by its usage."""
    choices, spent = response_content(x).choices, usage(x)
    has_reasoned = bool(_counted_reasoning(x)) or any(choice.reasoning for choice in choices)
    is_full = spent is not None and 0 < requested_cap(x) <= spent.completion
    return any(choice.end == "length" for choice in choices) or (bool(choices) and has_reasoned and is_full)


def _refused_cap(x: Exchange) -> str:
    """The cap that the target refuses by name, whatever its value, where the API has another; or empty."""
    return _disputed_cap(x) if len(caps(x.api)) > 1 and _accepted_cap(x) == 1 else ""


def _disputed_cap(x: Exchange) -> str:
    """The cap that an error names; or empty."""
    is_refusal = error_response(x).status in (400, 422, 501) and x.case.subject != LARGER_CAP
    return refused_cap(x) if is_refusal else ""


def _accepted_cap(x: Exchange) -> int:
    """The smallest cap that is accepted, as an error tells that refuses a smaller one; 1 where none does.

    An error about the field as such names no larger number.
    """
    error = error_response(x)
    if not _disputed_cap(x) or is_unsupported(error):
        return 1
    numbers = (int(digits) for digits in re.findall(r"(?<![\w.-])[0-9]{1,5}(?![\w-])", error.message))
    return min((number for number in numbers if generation(x.api).min_cap < number <= LARGE_CAP), default=1)


def _profile(api: Api) -> Profile:
    return next(p for p in catalogue.profiles() if (p.api, p.name) == (api, spec(api).base_profile))


def _other_key_header(api: Api) -> KeyHeader | None:
    """The other header in which the API's SDK can send the key, or None."""
    sent = {name.lower() for name, value in _profile(api).headers("unary") if "{key}" in value}
    return next((name for name in spec(api).key_headers if sent and name not in sent), None)


def smallest_request(target: Target, api: Api, step: str, dialect: Dialect) -> Request:
    """The request of a step that uses the model: as little as shows what the step is for."""
    profile = _profile(api)
    found = spec(api).generation
    tokens = (LARGE_CAP if step == LARGER_CAP else found.min_cap) if found else 0
    prompt = LARGE_PROMPT if step == LARGER_CAP else SMALL_PROMPT
    if step == OTHER_KEY_HEADER:
        dialect = msgspec.structs.replace(dialect, key_header=_other_key_header(api))
    cap = (dialect.cap_field or found.cap) if found else ""
    capped = {cap: tokens} if cap and step != NO_CAP and cap not in dialect.refused else {}
    body = {"model": target.model, **user_message(api, prompt), **capped}
    return Request(
        id=f"{api}.{Kind.PREFLIGHT}.{step}",
        cases=(_case(api, step),),
        method="POST",
        url=url_of(target, api) + profile.query,
        headers=request_headers(target, profile, "unary", dialect),
        body=to_json(body),
        max_tokens=tokens,
    )


def models_request(target: Target, api: Api, step: str, dialect: Dialect) -> Request:
    """The request of a step that generates nothing: a target that answers it is slow, not dead."""
    return Request(
        id=f"{api}.{Kind.PREFLIGHT}.{step}",
        cases=(_case(api, step),),
        method="GET",
        url=target.base_url.rstrip("/") + "/models",
        headers=request_headers(target, _profile(api), "unary", dialect),
        body=b"",
    )


def _case(api: Api, step: str) -> CaseId:
    return CaseId(api, spec(api).base_profile, "unary", Kind.PREFLIGHT, step)


def longest(target: Target, apis: Sequence[Api]) -> tuple[Request, ...]:
    """Requests that cost as much as the longest preflight does."""
    first = [smallest_request(target, api, SMALLEST, target.dialect.get(api, USUAL)) for api in apis]
    unknown = [api for api in apis if api not in target.dialect and spec(api).generation]
    larger = [smallest_request(target, api, LARGER_CAP, USUAL) for api in unknown]
    return (*larger, *first)[:MOST_REQUESTS]
