"""Edits of what a response says: tool calls, choices, errors, and the text of its data."""

from copy import deepcopy
from dataclasses import replace

from .edit_json import find, parent, places, to_text
from .edit_lines import some_part
from .edits import edit

ERRORS = (
    {"error": {"message": "the model went away", "type": "server_error", "param": None, "code": None}},
    {"error": {"message": "", "code": 502}},
    {"error": "the model went away"},
    {"error": {}},
    {"error": None},
    {"type": "error", "error": {"type": "overloaded_error", "message": "the model went away"}},
    {"type": "error", "code": "server_error", "message": "the model went away", "param": None, "sequence_number": 9},
    {"type": "error", "error": None},
    {"message": "gone"},
    {"detail": "gone"},
)
DATA = (
    b"", b" ", b"null", b"true", b"7", b'"text"', b"[]", b"[1]", b"{}", b"{", b'{"id":"x"', b"not JSON", b"NaN",
    b"[DONE]", b"[DONE] really", b" [DONE]", b"[done]", b'{"choices":[]}', b'{"choices":null}', b"{'a': 1}",
    b'{"a":1}{"b":2}', b'{"a":1,}',
)  # fmt: skip
LATER = ("type", "index", "id", "name", "arguments", "function")


def is_fragment(value):
    """Whether a value is a tool call, a fragment of one, or a block or item that is one."""
    return isinstance(value, dict) and (
        "function" in value or value.get("type") in ("tool_use", "function_call", "input_json_delta")
    )


@edit("tool-fragment")
def tool_fragment(draft, random):
    """One field of a tool call, or of a fragment of one, is null, missing, or of another type."""
    found = []
    for at in range(len(draft.parts)):
        split = find(replace(draft, parts=draft.parts[at : at + 1]), random)
        if split:
            fragments = [path for path in places(split[2]) if is_fragment(parent(split[2], path)[path[-1]])]
            found += [(at, split, path) for path in fragments]
    if not found:
        return draft
    at, (_, before, value, after), path = random.choice(found)
    value = deepcopy(value)
    call = parent(value, path)[path[-1]]
    name = random.choice((*LATER, *call))
    holder = call["function"] if name in ("name", "arguments") and isinstance(call.get("function"), dict) else call
    how = random.choice(("null", "missing", "other", "other"))
    if how == "missing":
        holder.pop(name, None)
    else:
        holder[name] = (
            None if how == "null" else random.choice(("", "x", "0", "function", 0, 1, 7, -1, 1.0, True, [], {}, [0]))
        )
    return draft.with_part(at, before + to_text(value) + after)


@edit("choices")
def choices(draft, random):
    """A second choice beside the first, before it or after it, in one chunk or in all of them."""
    every = random.random() < 0.5
    order = random.random() < 0.7
    index = random.choice((1, 1, 0, 2, 5, -1, None, "1"))
    chosen = range(len(draft.parts)) if every else (some_part(draft, random),) if draft.parts else ()
    for at in chosen:
        found = find(replace(draft, parts=draft.parts[at : at + 1]), random)
        if not found or not isinstance(found[2].get("choices"), list) or not found[2]["choices"]:
            continue
        _, before, value, after = found
        first = value["choices"][0]
        other = {**deepcopy(first), "index": index} if isinstance(first, dict) else {"index": index}
        alone = random.random() < 0.3
        both = [other] if alone else [first, other] if order else [other, first]
        draft = draft.with_part(at, before + to_text({**value, "choices": both}) + after)
    return draft


@edit("error-event")
def error_event(draft, random):
    """An error between the events, or as a member of one of them."""
    told = random.choice(ERRORS)
    if random.random() < 0.3:
        found = find(draft, random)
        if not found:
            return draft
        at, before, value, after = found
        return draft.with_part(at, before + to_text(value | told) + after)
    if not draft.streams:
        return replace(draft, parts=(to_text(told),))
    at = random.randrange(len(draft.parts) + 1)
    name = random.choice((b"", b"", b"event: error\n", b"event: message\n"))
    event = name + b"data: " + to_text(told) + b"\n\n"
    kept = draft.parts[at:] if random.random() < 0.7 else ()
    return replace(draft, parts=(*draft.parts[:at], event, *kept))


@edit("data")
def data(draft, random):
    """An event whose data is something else."""
    told = random.choice(DATA)
    if not draft.streams:
        return replace(draft, parts=(told,))
    at = random.randrange(len(draft.parts) + 1)
    name = random.choice((b"", b"", b"event: message\n", b"event: content_block_delta\n"))
    replaced = random.randrange(2)
    return replace(draft, parts=(*draft.parts[:at], name + b"data: " + told + b"\n\n", *draft.parts[at + replaced :]))


TEXTS = (
    b"\xff", b"\xc3", b"\xed\xa0\x80", b"\\ud800", b"\\ud83d\\ude00", "\u2028".encode(), "\x85".encode(), b"\x00",
    b"\\u0000", b"\x0b", b"\x0c", b"\x1c", b"\\n\\ndata: 1\\n\\n", "\U0001f319".encode(), b"\\", b'"',
    b"<think>", b"\t",
)  # fmt: skip


@edit("text")
def text(draft, random):
    """Bytes that JSON, UTF-8 or a line decoder may stumble over, inside a part."""
    at = some_part(draft, random)
    if at is None:
        return draft
    part = draft.parts[at]
    quoted = [place for place in range(1, len(part)) if part[place : place + 1] == b'"']
    where = random.choice(quoted) if quoted and random.random() < 0.8 else random.randrange(len(part) + 1)
    return draft.with_part(at, part[:where] + random.choice(TEXTS) + part[where:])
