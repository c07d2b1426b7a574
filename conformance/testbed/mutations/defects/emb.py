"""Planted defects that the EMB rules must catch."""

import base64
import math
import struct
import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final

from conformance.testbed.mutations.mutate_embeddings import (
    EMBEDDINGS,
    Body,
    Vectors,
    in_entries,
    in_list,
    in_usage,
    in_vectors,
    is_embedded,
    rewritten,
)
from conformance.testbed.mutations.mutate_requests import dropping, refusal, rewriting
from conformance.testbed.server.embeddings import DIMENSIONS, Values, embedding, inputs_of, unit
from conformance.testbed.server.reply import (
    Event,
    ModelResponse,
    Mutation,
    OnRequest,
    OnResponse,
    ServerRequest,
)

KEPT_TOKENS: Final = 512
BATCH_SIZE: Final = 32


def _defect(
    name: str, title: str, caught_by: str, change: OnResponse | None = None, *, ask: OnRequest | None = None
) -> Mutation:
    return Mutation(
        name=f"emb-{name}", title=title, caught_by=caught_by, apis=EMBEDDINGS, on_response=change, on_request=ask
    )


def _without(name: str) -> Callable[[Body], Body]:
    return lambda entry: {key: value for key, value in entry.items() if key != name}


def _without_zero(entry: Body) -> Body:
    return entry if entry["index"] else _without("index")(entry)


def _float_refused(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Numbers are the default, and the only format with a name is Base64."""
    if not is_embedded(response, request) or request.json.get("encoding_format") != "float":
        return response
    return refusal(400, "'float' is no valid value of 'encoding_format': leave it out.", param="encoding_format")


def _few_at_once(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The server takes no more texts at once than its engine."""
    if not is_embedded(response, request) or len(inputs_of(request.json["input"])) <= BATCH_SIZE:
        return response
    return refusal(422, f"The batch is larger than {BATCH_SIZE}.")


def _each_token(value: Body, requested: Body) -> Body:
    """An embedding of each token of a flat list, as if it was a list of texts."""
    given = requested["input"]
    if not isinstance(given, list) or not all(isinstance(item, int) for item in given):
        return value
    data = [
        {"object": "embedding", "index": at, "embedding": list(embedding((token,), DIMENSIONS))}
        for at, token in enumerate(given)
    ]
    return value | {"data": data}


def _rotated(vectors: Vectors, _requested: Body) -> Vectors:
    return [*vectors[1:], *vectors[:1]]


def _padded(vectors: Vectors, _requested: Body) -> Vectors:
    """The padding of shorter inputs is pooled, too: their vectors are mixed with that of the longest."""
    longest = vectors[0]
    return [longest, *(unit([a + 0.6 * b for a, b in zip(own, longest, strict=True)]) for own in vectors[1:])]


def _with_nan(values: Values) -> str:
    return _packed((math.nan, *values[1:]), "<f")


def _packed(values: Values, form: str) -> str:
    return base64.b64encode(struct.pack(f"{form[0]}{len(values)}{form[1]}", *values)).decode()


def _text_in_base64(values: Values) -> str:
    text = str(list(values))
    return base64.b64encode((text + " " * (1 + -len(text) % 4)).encode()).decode()


def _varying(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Dropout is on: each request gets another vector."""
    if not is_embedded(response, request) or request.json.get("encoding_format") == "base64":
        return response
    noise = zlib.crc32(request.id.encode()) % 10_000
    data = [
        entry
        | {"embedding": list(unit([v + 0.3 * math.sin(noise * (n + 1)) for n, v in enumerate(entry["embedding"])]))}
        for entry in response.whole["data"]
    ]
    return replace(response, whole=response.whole | {"data": data})


def _truncated(_vectors: Vectors, requested: Body) -> Vectors:
    """Cut to the dimensions that are requested, and not normalised again."""
    wanted = requested.get("dimensions") or DIMENSIONS
    return [embedding(tokens, DIMENSIONS)[:wanted] for tokens in inputs_of(requested["input"])]


def _joined(vectors: Vectors, requested: Body) -> Vectors:
    if requested.get("dimensions"):
        return vectors
    return [values * len(tokens) for values, tokens in zip(vectors, inputs_of(requested["input"]), strict=True)]


def _scaled(vectors: Vectors, _requested: Body) -> Vectors:
    return [tuple(3 * value for value in values) for values in vectors]


def _refusing(applies: Callable[[Any], bool]) -> OnResponse:
    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        if not is_embedded(response, request) or not applies(request.json["input"]):
            return response
        return refusal(400, "'input' must be a text.", param="input", code="invalid_type")

    return change


def _is_several(given: Any) -> bool:
    return isinstance(given, list) and len(given) > 1 and isinstance(given[0], str)


def _is_tokens(given: Any) -> bool:
    return isinstance(given, list) and not any(isinstance(item, str) for item in given)


def _filled(body: Body) -> Body:
    """An empty text is a space."""
    given = body.get("input")
    if given == "":
        return body | {"input": " "}
    return body | {"input": [item or " " for item in given]} if isinstance(given, list) else body


def _compacted(body: Body) -> Body:
    """Empty texts of a list are left out."""
    given = body.get("input")
    return body | {"input": [item for item in given if item != ""]} if isinstance(given, list) else body


def _without_ends(_vectors: Vectors, requested: Body) -> Vectors:
    """Long texts are cut to the model's context after they are counted."""
    size = requested.get("dimensions") or DIMENSIONS
    return [embedding(tokens[:KEPT_TOKENS], size) for tokens in inputs_of(requested["input"])]


def _cut(body: Body) -> Body:
    """A long text is cut to the model's context."""
    given = body.get("input")
    return body | {"input": " ".join(given.split()[:KEPT_TOKENS])} if isinstance(given, str) else body


def _in_ascii(body: Body) -> Body:
    """Texts in ASCII, with question marks for the rest."""
    given = body.get("input")
    if isinstance(given, list):
        return body | {"input": [_replaced(item) for item in given]}
    return body | {"input": _replaced(given)} if "input" in body else body


def _replaced(text: Any) -> Any:
    return text.encode("ascii", "replace").decode() if isinstance(text, str) else text


def _written(body: Body) -> Body:
    """Lists of tokens are turned into text."""
    given = body.get("input")
    if not _is_tokens(given) or not given:
        return body
    return body | {"input": str(given) if isinstance(given[0], int) else [str(tokens) for tokens in given]}


def _in_events(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    if not isinstance(request.json, dict) or not is_embedded(response, request) or not _streams(request):
        return response
    return ModelResponse(events=(Event(data=response.whole), Event(data="[DONE]")))


def _streams(request: ServerRequest) -> bool:
    return b'"stream":true' in request.body


DEFECTS: Final = (
    _defect(
        "bare-list",
        "The response is a list of vectors",
        "EMB001",
        in_list(lambda v, _: [e["embedding"] for e in v["data"]]),
    ),
    _defect(
        "nested-in-embeddings",
        "The list is called embeddings",
        "EMB001",
        in_list(lambda v, _: {"embeddings": v["data"], **_without("data")(v)}),
    ),
    _defect(
        "no-objects",
        "The list and the embeddings have no object",
        "EMB002",
        in_list(lambda v, _: _without("object")(v)),
    ),
    _defect(
        "no-model-name", "The response does not name the model", "EMB002", in_list(lambda v, _: _without("model")(v))
    ),
    _defect(
        "first-input-only",
        "Only the first text of a list is embedded",
        "EMB003",
        in_list(lambda v, _: v | {"data": v["data"][:1]}),
    ),
    _defect(
        "each-token-an-input", "Each token of a list is embedded as an input of its own", "EMB003", in_list(_each_token)
    ),
    _defect("index-always-zero", "Each embedding has the index 0", "EMB004", in_entries(lambda e: e | {"index": 0})),
    _defect("no-index", "The embeddings have no index", "EMB004", in_entries(_without("index"))),
    _defect(
        "index-zero-left-out", "The index 0 is left out, as Protocol Buffers do it", "EMB004", in_entries(_without_zero)
    ),
    _defect(
        "numbers-as-strings",
        "The numbers are strings",
        "EMB006",
        rewritten(lambda values: [str(v) for v in values], where="float"),
    ),
    _defect(
        "always-base64",
        "Embeddings are always in Base64",
        "EMB006",
        rewritten(lambda values: _packed(values, "<f"), where="float"),
    ),
    _defect(
        "base64-ignored",
        "encoding_format is ignored: an embedding is always an array",
        "EMB007",
        ask=dropping("encoding_format", apis=EMBEDDINGS),
    ),
    _defect("few-at-once", "More than 32 texts in one request are rejected", "EMB034", _few_at_once),
    _defect("float-refused", "encoding_format: float is rejected by name", "EMB033", _float_refused),
    _defect(
        "base64-without-padding",
        "Base64 lacks its last characters",
        "EMB007",
        rewritten(lambda values: _packed(values, "<f").rstrip("=")),
    ),
    _defect("base64-of-text", "Base64 of the numbers as JSON", "EMB007", rewritten(_text_in_base64)),
    _defect("nan", "A value is not a number", "EMB008", rewritten(_with_nan)),
    _defect(
        "overflow", "A value is infinite", "EMB008", rewritten(lambda values: _packed((math.inf, *values[1:]), "<f"))
    ),
    _defect(
        "all-zeros",
        "Embeddings are placeholders of zeros",
        "EMB009",
        in_vectors(lambda vectors, _: [(0.0,) * len(v) for v in vectors]),
    ),
    _defect("one-vector-a-token", "Vectors of a text's tokens are joined, not pooled", "EMB010", in_vectors(_joined)),
    _defect(
        "big-endian",
        "Base64 has the highest byte of each float first",
        "EMB011",
        rewritten(lambda values: _packed(values, ">f")),
    ),
    _defect("float64", "Base64 has 64-bit floats", "EMB011", rewritten(lambda values: _packed(values, "<d"))),
    _defect("float16", "Base64 has 16-bit floats", "EMB011", rewritten(lambda values: _packed(values, "<e"))),
    _defect("rotated", "The results of a batch are joined in another order", "EMB012", in_vectors(_rotated)),
    _defect("padding-pooled", "The padding of shorter inputs is pooled, too", "EMB013", in_vectors(_padded)),
    _defect("dropout", "Each request gets another embedding", "EMB014", _varying),
    _defect(
        "buffer-reused",
        "All embeddings of a request are those of its last input",
        "EMB015",
        in_vectors(lambda vectors, _: [vectors[-1]] * len(vectors)),
    ),
    _defect("dimensions-ignored", "dimensions is ignored", "EMB016", ask=dropping("dimensions", apis=EMBEDDINGS)),
    _defect(
        "dimensions-not-normalised", "A reduced embedding is not normalised again", "EMB017", in_vectors(_truncated)
    ),
    _defect("not-normalised", "Embeddings are not normalised", "EMB018", in_vectors(_scaled)),
    _defect("no-usage", "The response has no usage", "EMB019", in_usage(lambda _usage, _requested: None)),
    _defect(
        "usage-of-chat",
        "The usage counts a completion",
        "EMB020",
        in_usage(lambda usage, _: usage | {"completion_tokens": 1, "total_tokens": usage["total_tokens"] + 1}),
    ),
    _defect("zero-usage", "The usage counts nothing", "EMB021", in_usage(lambda usage, _: dict.fromkeys(usage, 0))),
    _defect(
        "usage-of-one-input",
        "The usage counts the first input alone",
        "EMB022",
        in_usage(lambda usage, requested: dict.fromkeys(usage, len(inputs_of(requested["input"])[0]))),
    ),
    _defect(
        "usage-of-inputs",
        "The usage counts inputs",
        "EMB029",
        in_usage(lambda usage, requested: dict.fromkeys(usage, len(inputs_of(requested["input"])))),
    ),
    _defect(
        "usage-of-padding",
        "The usage counts padding",
        "EMB029",
        in_usage(lambda usage, requested: dict.fromkeys(usage, KEPT_TOKENS * len(inputs_of(requested["input"])))),
    ),
    _defect(
        "umlauts-replaced",
        "What is not ASCII is replaced before it is embedded",
        "EMB032",
        ask=rewriting(_in_ascii, apis=EMBEDDINGS),
    ),
    _defect(
        "tokens-as-text", "Lists of tokens are embedded as text", "EMB030", ask=rewriting(_written, apis=EMBEDDINGS)
    ),
    _defect("lists-refused", "A list of several texts is rejected", "EMB023", _refusing(_is_several)),
    _defect("tokens-refused", "Lists of tokens are rejected", "EMB024", _refusing(_is_tokens)),
    _defect("empty-accepted", "Empty texts are embedded", "EMB025", ask=rewriting(_filled, apis=EMBEDDINGS)),
    _defect(
        "empty-left-out", "Empty texts of a list are left out", "EMB026", ask=rewriting(_compacted, apis=EMBEDDINGS)
    ),
    _defect("long-text-cut", "A long text is silently cut", "EMB027", ask=rewriting(_cut, apis=EMBEDDINGS)),
    _defect(
        "end-cut",
        "A long text is silently cut, and counted before",
        "EMB031",
        in_vectors(_without_ends),
    ),
    _defect(
        "streamed", "A stream is sent if stream is true", "EMB028", _in_events, ask=dropping("stream", apis=EMBEDDINGS)
    ),
    _defect(
        "reversed-list",
        "The list is in another order than the inputs",
        "EMB005",
        in_list(lambda v, _: v | {"data": v["data"][::-1]}),
    ),
)
