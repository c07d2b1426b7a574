"""Edits of a JSON value in one event, or in the one document."""

import json
import re
from copy import deepcopy

from .edits import edit

DATA = re.compile(rb"\A((?:[^\r\n]*(?:\r\n|\r|\n))*?data: ?)(\{[^\r\n]*\})([\r\n]*.*)\Z", re.DOTALL)
WRONG = (None, True, False, 0, 1, -1, 1.5, "", "x", "0", "1", [], [None], [1], ["x"], {}, {"x": 1}, [[]], {"type": "x"})
MARK = "@@here@@"


def find(draft, random):
    """(place, beginning, value, rest) of a random part that holds a JSON object, or None."""
    found = [(at, *inside) for at, part in enumerate(draft.parts) if (inside := split(part))]
    return random.choice(found) if found else None


def split(part):
    """(beginning, value, rest) of a part that holds a JSON object, or None."""
    found = DATA.match(part)
    before, text, after = found.groups() if found else (b"", part, b"")
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return (before, value, after) if isinstance(value, dict) else None


def to_text(value):
    """JSON as the embedded server writes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def places(value, path=()):
    """The paths of all values inside."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, inner in members:
        yield (*path, name)
        yield from places(inner, (*path, name))


def parent(value, path):
    """The object or list that holds the value of this path."""
    for name in path[:-1]:
        value = value[name]
    return value


def weighted(value, random):
    """A random path; those that clients read are more likely than others."""
    found = list(places(value))
    read = [path for path in found if path[-1] not in UNREAD and not UNREAD_ABOVE & set(path[:-1])]
    return random.choice(read if read and random.random() < 0.8 else found) if found else None


UNREAD = {
    "id", "created", "created_at", "model", "system_fingerprint", "logprobs", "refusal", "annotations", "background",
    "previous_response_id", "service_tier", "store", "instructions", "max_output_tokens", "parallel_tool_calls",
    "temperature", "tool_choice", "top_p", "truncation", "metadata", "user", "cache_creation_input_tokens",
    "cache_read_input_tokens", "sequence_number", "reasoning", "incomplete_details", "tools",
}  # fmt: skip
UNREAD_ABOVE = {"prompt_tokens_details", "completion_tokens_details", "input_tokens_details", "output_tokens_details"}


def _edited(change):
    """An edit of one place in one value: `change` gets the holder, the name in it, and random numbers."""

    def edited(draft, random):
        found = find(draft, random)
        if not found:
            return draft
        at, before, value, after = found
        path = weighted(value, random)
        if path is None:
            return draft
        value = deepcopy(value)
        change(parent(value, path), path[-1], random)
        return draft.with_part(at, before + to_text(value) + after)

    return edited


@edit("json-type")
@_edited
def wrong_type(holder, name, random):
    holder[name] = random.choice(WRONG)


@edit("json-null")
@_edited
def null(holder, name, random):
    holder[name] = None


@edit("json-missing")
@_edited
def missing(holder, name, random):
    del holder[name]


@edit("json-order")
@_edited
def order(holder, name, random):
    members = list(holder.items()) if isinstance(holder, dict) else list(holder)
    random.shuffle(members)
    holder.clear()
    holder.update(members) if isinstance(holder, dict) else holder.extend(members)


@edit("json-list-null")
def null_in_list(draft, random):
    """A null, or another stray entry, in a list."""
    found = find(draft, random)
    if not found:
        return draft
    at, before, value, after = found
    value = deepcopy(value)
    lists = [held for path in places(value) if isinstance(held := parent(value, path)[path[-1]], list)]
    if not lists:
        return draft
    chosen = random.choice(lists)
    stray = random.choice((None, None, None, 1, "x", {}, [], *(deepcopy(chosen[:1]))))
    chosen.insert(random.randrange(len(chosen) + 1), stray)
    return draft.with_part(at, before + to_text(value) + after)


@edit("json-duplicate-key")
def duplicate_key(draft, random):
    """A member twice: the last one counts in most readers."""
    found = find(draft, random)
    if not found:
        return draft
    at, before, value, after = found
    value = deepcopy(value)
    path = weighted(value, random)
    if path is None or not isinstance(path[-1], str):
        return draft
    holder = parent(value, path)
    twice = (
        to_text(holder)[:-1]
        + b","
        + to_text(path[-1])
        + b":"
        + to_text(random.choice((*WRONG, holder[path[-1]])))
        + b"}"
    )
    if path[:-1]:
        parent(value, path[:-1])[path[-2]] = MARK
        twice = to_text(value).replace(to_text(MARK), twice)
    return draft.with_part(at, before + twice + after)


@edit("json-large")
@_edited
def large(holder, name, random):
    """A huge number, a long text, a long list or a deep value."""
    deep = []
    for _ in range(random.choice((60, 150))):
        deep = [deep]
    holder[name] = random.choice(
        (10**400, -(10**30), 1e308, "x" * 20_000, [0] * 2_000, {str(n): n for n in range(300)}, deep)
    )


@edit("whole-object")
def whole_object(draft, random):
    """A `message` where a delta belongs, a delta where a message does, or another object than announced."""
    found = find(draft, random)
    if not found:
        return draft
    at, before, value, after = found
    value = deepcopy(value)
    choices = value.get("choices")
    if isinstance(choices, list) and choices and isinstance(choices[0], dict):
        old, new = ("delta", "message") if "delta" in choices[0] else ("message", "delta")
        if old in choices[0]:
            choices[0][new] = choices[0].get(old) if random.random() < 0.5 else choices[0].pop(old)
        value["object"] = random.choice((value.get("object"), "chat.completion", "chat.completion.chunk", "x", None))
    elif isinstance(value.get("type"), str):
        value["type"] = random.choice(TYPES)
    return draft.with_part(at, before + to_text(value) + after)


TYPES = (
    "message_start", "content_block_start", "content_block_delta", "content_block_stop", "message_delta",
    "message_stop", "ping", "error", "message", "x_news", "response.created", "response.output_item.added",
    "response.output_text.delta", "response.output_item.done", "response.completed", "response.failed",
    "response.incomplete", "response.function_call_arguments.delta", "response.refusal.delta",
)  # fmt: skip
