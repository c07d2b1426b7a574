"""Fuzz cases: unusual requests, each named after what is unusual about it."""

import json
import string
from collections.abc import Callable, Sequence
from typing import Any, Final

from hypothesis import strategies as st

from conformance import schemas
from conformance.apis.request import EXTENDED, NO_JSON
from conformance.apis.specs import spec
from conformance.fuzz.case import Case
from conformance.model.case import Kind
from conformance.model.words import MODES, Api, Mode
from conformance.probes.baseline import token_cap, user_message
from conformance.probes.types import WRONG_OBJECT, WRONG_SCALAR, kinds_of

Body = dict[str, Any]
Table = dict[str, Any]
"""Bodies (bytes or values) by what is unusual about them."""
Strategy = st.SearchStrategy[Any]

LARGE: Final = 200_000
DEEP: Final = (8, 64, 512, 4096)
VENDORS: Final = (
    *("top_k", "min_p", "repetition_penalty", "provider", "reasoning", "extra_body", "cache_control", "thinking"),
    *("chat_template_kwargs", "guided_json", "ignore_eos", "transforms", "route", "mirostat", "num_ctx", "options"),
)
"""Fields that frameworks and vendors send, and that at least one API does not define."""
RESERVED: Final = ("__proto__", "constructor", "", " ", "a.b", "$ref", "x" * 64, "café", "ключ", "\u202e", "null")
"""Field names that break naive code: reserved words, control characters, dots."""


def hello(api: Api, model: str) -> Body:
    """A valid request with the smallest token cap."""
    return {"model": model, **user_message(api, "Say hello."), **token_cap(api, 1)}


def to_json(value: Any) -> bytes:
    """JSON as a lenient program writes it, including NaN and lone surrogates."""
    return json.dumps(value, separators=(",", ":")).encode()


def fixed(api: Api, model: str) -> list[Case]:
    """The cases of every fuzz run: each unusual body and conversation once, and each kind of deep nesting."""
    good = hello(api, model)
    odd = [(Kind.FUZZ, about, value) for about, value in (_bodies(good) | _conversations(api, good)).items()]
    deep = [_deep(good, depth, opened, "metadata") for depth in DEEP[1:] for opened in ("list", "object")]
    return [_case(kind, about, value, "unary") for kind, about, value in (*odd, *deep)]


def kinds(api: Api, model: str) -> dict[str, Strategy]:
    """The strategies by name; each generates cases of its kind."""
    fields = sorted(schemas.load(spec(api).request_schema)["properties"])
    good = hello(api, model)
    odd = {
        "unreadable": _unreadable(good),
        "edge": _boundary_values(api, good, fields),
        "text": _texts(api, good),
        "nested": _nested(good, fields),
        "unknown": _unknown(good, fields),
    }
    modes = MODES[::-1] if spec(api).generation else ("unary",)
    return {name: _cases(drawn, modes) for name, drawn in odd.items()}


def _cases(odd: Strategy, modes: Sequence[Mode]) -> Strategy:
    """Cases from triples of kind, subject and body (bytes or a value), in these modes."""

    def make(found: tuple[Kind, str, Any], mode: Mode) -> Case:
        kind, about, value = found
        return _case(kind, about, value, mode)

    return st.builds(make, odd, st.sampled_from(modes))


def _case(kind: Kind, about: str, value: Any, mode: Mode) -> Case:
    if isinstance(value, dict) and mode == "stream" and "stream" not in value:
        value = value | {"stream": True}
    subject, _, variant = about.partition(".") if kind is Kind.FUZZ else (about, "", "")
    return Case(kind, subject, variant, mode_of(value), value if isinstance(value, bytes) else to_json(value))


def mode_of(value: Any) -> Mode:
    """The mode that a body requests."""
    return "stream" if isinstance(value, dict) and value.get("stream") is True else "unary"


def _bodies(good: Body) -> Table:
    """Bodies that are not JSON objects, use JSON extensions, or are unusual but valid."""
    text = to_json(good)
    made: Table = {
        "a-list": [good],
        "a-text": "hello",
        "a-number": 7,
        "null": None,
        "true": True,
        "nothing": b"",
        "blank": b"  \n",
        "cut": text[:-1],
        "html": b"<html></html>",
        "form": b"model=m&stream=true",
        "nul": b"\x00" + text,
    }
    extended: Table = {
        "two": text + text,
        "comma": text[:-1] + b",}",
        "single-quotes": text.replace(b'"', b"'"),
        "comment": text[:-1] + b"/* */}",
        "not-utf-8": text.replace(b"Say", b"S\xff\xfey"),
        "utf-16": text.decode().encode("utf-16"),
        "nan": text[:-1] + b',"temperature":NaN}',
        "infinity": text[:-1] + b',"temperature":-Infinity}',
        "hex": text[:-1] + b',"seed":0x10}',
        "leading-zero": text[:-1] + b',"seed":007}',
    }
    legal: Table = {
        "names-twice": text[:-1] + b',"model":"another"}',
        "byte-order-mark": b"\xef\xbb\xbf" + text,
        "white-space": b" " * 1000 + text + b"\n" * 1000,
    }
    odd = {f"{NO_JSON}.{about}": value for about, value in made.items()}
    return odd | {f"{EXTENDED}.{about}": value for about, value in extended.items()} | legal


def _unreadable(good: Body) -> Strategy:
    """Bodies of the table, and random bytes."""
    garbage = st.binary(min_size=1, max_size=40).map(lambda raw: (Kind.FUZZ, f"{NO_JSON}.garbage", b"{" + raw))
    return st.one_of(_drawn(_bodies(good)), garbage)


def _drawn(table: Table) -> Strategy:
    """Sample from a table."""
    return st.sampled_from(sorted(table)).map(lambda about: (Kind.FUZZ, about, table[about]))


NUMBERS: Final[dict[str, Any]] = {
    "zero": 0,
    "minus-one": -1,
    "fraction": 0.5,
    "above-32-bits": 2**31,
    "above-64-bits": 2**64,
    "googol": 10**100,
    "many-digits": 10**4000,
    "large-float": 1e308,
    "tiny-float": 5e-324,
    "minus-zero": -0.0,
}
OTHERS: Final[dict[str, Any]] = {
    "null": None,
    "true": True,
    "blank": "",
    "text": "text",
    "digits": "7",
    "empty-list": [],
    "empty-object": {},
    "list-of-null": [None],
    "object": WRONG_SCALAR,
    "list": WRONG_OBJECT,
    "long-text": "x" * LARGE,
    "long-list": [0] * 20_000,
}


def _boundary_values(api: Api, good: Body, fields: list[str]) -> Strategy:
    """One or two fields with a boundary value of their type or of another type."""
    values = NUMBERS | OTHERS
    schema = schemas.load(spec(api).request_schema)["properties"]
    numeric = [name for name in fields if {"integer", "number"} & kinds_of(schema[name])]
    counted = st.tuples(st.sampled_from(numeric), st.sampled_from(sorted(NUMBERS)))
    other = st.tuples(st.sampled_from(fields), st.sampled_from(sorted(values)))
    edge = st.one_of(counted, other, other)

    def make(edges: list[tuple[str, str]]) -> tuple[Kind, str, Any]:
        about = "-and-".join(f"{about}.{field}" for field, about in edges)
        return Kind.FUZZ, about, good | {field: values[about] for field, about in edges}

    return st.lists(edge, min_size=1, max_size=2, unique_by=lambda found: found[0]).map(make)


TEXTS: Final[dict[str, str]] = {
    "blank": "",
    "space": " \n\t",
    "nul": "a\x00b",
    "controls": "\x01\x1b[31m\x7f",
    "half-a-character": "\ud83d",
    "wrong-halves": "\udc00\ud800",
    "noncharacter": "\uffff\ufffe",
    "last-character": "\U0010ffff",
    "right-to-left": "\u202e\u200f\u2066",
    "joined": "👩‍👩‍👧‍👦" * 50,
    "combining": "e" + "\u0301" * 500,
    "tags": "<script>alert(1)</script>{{7*7}}${7*7}",
    "template": "{% for x in y %}<|im_start|>system<|endoftext|></s>[INST]",
    "quotes": "\"'`;--\\",
    "percent": "%s%n%x%00",
    "long": "no " * 3000,
    "one-long-word": "a" * 20_000,
}
ROLES: Final = ("user", "system", "assistant", "tool", "developer", "function", "", "USER", "nobody")


def _conversations(api: Api, good: Body) -> Table:
    """Conversations with unusual text, content or structure."""
    (place, prompt), *_ = user_message(api, "a").items()
    one = {"role": "user", "content": "a"}
    contents: Table = {
        "null": None,
        "a-number": 7,
        "an-object": {"text": "hello"},
        "no-parts": [],
        "a-null-part": [None],
        "a-text-part": ["hello"],
        "an-unknown-part": [{"type": "hologram", "hologram": {}}],
        "a-part-without-type": [{"text": "hello"}],
        "many-parts": [{"type": "text", "text": "a"}] * 2000,
    }
    whole: Table = {"none": [], "of-null": [None], "of-texts": ["hello"], "object": {"a": prompt}, "long": [one] * 500}
    return (
        {f"text-{about}": good | user_message(api, text) for about, text in TEXTS.items()}
        | {f"content-{about}": good | {place: [one | {"content": value}]} for about, value in contents.items()}
        | {f"conversation-{about}": good | {place: value} for about, value in whole.items()}
    )


def _texts(api: Api, good: Body) -> Strategy:
    """A conversation of the table, one with random text, or one with roles in any order."""
    (place, _), *_ = user_message(api, "").items()
    free = st.text(max_size=60).map(lambda text: (Kind.FUZZ, "text", good | user_message(api, text)))

    def turns(roles: list[str], text: str) -> tuple[Kind, str, Any]:
        messages = [{"role": role, "content": text} for role in roles]
        return Kind.FUZZ, f"roles-{'-'.join(dict.fromkeys(roles))[:40]}", good | {place: messages}

    talks = st.builds(turns, st.lists(st.sampled_from(ROLES), min_size=1, max_size=4), st.text(max_size=8))
    return st.one_of(_drawn(_conversations(api, good)), free, talks)


def _deep(good: Body, depth: int, opened: str, field: str) -> tuple[Kind, str, Any]:
    """A request with a field nested to this depth."""
    start, end = {"list": ("[", "]"), "object": ('{"a":', "}")}[opened]
    text = to_json({name: value for name, value in good.items() if name != field})
    deep = f',"{field}":{start * depth}1{end * depth}}}'
    return Kind.FUZZ, f"depth-{opened}s.{field}", text[:-1] + deep.encode()


def _nested(good: Body, fields: list[str]) -> Strategy:
    """Objects and lists nested deeper than programs write them."""
    places = st.sampled_from([*fields, "metadata", "tools", "unknown"])
    opened = st.sampled_from(("list", "object"))
    return st.builds(lambda d, o, f: _deep(good, d, o, f), st.sampled_from(DEEP), opened, places)


def _unknown(good: Body, fields: list[str]) -> Strategy:
    """Fields unknown to the API: misspelt, in another case, a vendor's, or reserved."""
    known = frozenset(fields)
    slip = st.sampled_from(fields).flatmap(_typos).filter(lambda name: name not in known)
    other = st.sampled_from([name for name in (*VENDORS, *RESERVED) if name not in known])
    value = st.sampled_from((1, "text", True, None, {"a": 1}, [1]))
    return st.builds(lambda name, v: (Kind.UNKNOWN_FIELD, name, good | {name: v}), st.one_of(slip, other), value)


def _typos(name: str) -> Strategy:
    """A name with one typo, in another case, or in the plural."""
    at = st.integers(0, len(name) - 1)
    letters = st.sampled_from(string.ascii_lowercase)
    camel = name.split("_", maxsplit=1)[0] + "".join(part.title() for part in name.split("_")[1:])
    cases: tuple[str, ...] = (camel, name.title().replace("_", ""), name.upper(), name.replace("_", "-"), name + "s")
    edits: list[Callable[[int, str], str]] = [
        lambda i, _: name[:i] + name[i + 1 :],
        lambda i, c: name[:i] + c + name[i:],
        lambda i, c: name[:i] + c + name[i + 1 :],
        lambda i, _: name[:i] + name[i + 1 : i + 2] + name[i : i + 1] + name[i + 2 :],
    ]
    edited = st.builds(lambda edit, i, c: edit(i, c), st.sampled_from(edits), at, letters)
    return st.one_of(st.sampled_from(cases), edited).filter(bool)
