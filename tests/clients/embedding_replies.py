"""Embeddings responses by their defect, or good ones: those that real clients were measured with.

The request is for one text, as Base64; an array of numbers has the vector VECTOR, too.
"""

import base64
import struct
from typing import Any

ASKED = {"model": "a-model", "input": ["Say hello."], "encoding_format": "base64"}
VECTOR = (0.6, -0.25, 0.5, 0.125)
OTHER = (0.0, 1.0, 0.0, -1.0)


def packed(values: Any = VECTOR, form: str = "<f") -> str:
    return base64.b64encode(struct.pack(f"{form[0]}{len(values)}{form[1]}", *values)).decode()


def entry(embedding: Any, index: int = 0, **changes: Any) -> dict[str, Any]:
    made = {"object": "embedding", "index": index, "embedding": embedding} | changes
    return {name: value for name, value in made.items() if value is not ...}


def listed(*entries: Any, **changes: Any) -> dict[str, Any]:
    usage = {"prompt_tokens": 3, "total_tokens": 3}
    made = {"object": "list", "data": [*entries], "model": "a-model", "usage": usage} | changes
    return {name: value for name, value in made.items() if value is not ...}


GOOD = listed(entry(packed()))
EMBEDDED: dict[str, Any] = {
    "ok_json": GOOD,
    "json_wrong_ct": GOOD,
    "json_empty_body": b"",
    "page_200": b"<html><h1>Welcome</h1></html>",
    "error_200": {"error": {"message": "the model went away", "type": "server_error"}},
    "top_level_list": [[*VECTOR]],
    "usage_missing": listed(entry(packed()), usage=...),
    "model_missing": listed(entry(packed()), model=...),
    "numbers_for_base64": listed(entry([*VECTOR])),
    "integers_for_base64": listed(entry([1, 0, 0, -1])),
    "base64_without_padding": listed(entry(packed().rstrip("="))),
    "base64_in_lines": listed(entry(f"{packed()[:8]}\n{packed()[8:]}")),
    "base64_for_urls": listed(entry(packed((-1.5, 3e38, -0.1, 2e-30)).replace("+", "-").replace("/", "_"))),
    "base64_of_doubles": listed(entry(packed(VECTOR, "<d"))),
    "base64_of_halves": listed(entry(packed(VECTOR[:3], "<e"))),
    "base64_highest_byte_first": listed(entry(packed(VECTOR, ">f"))),
    "base64_empty": listed(entry("")),
    "text_for_base64": listed(entry("no vector")),
    "embedding_null": listed(entry(None)),
    "embedding_missing": listed(entry(...)),
    "embedding_empty": listed(entry([])),
    "embedding_of_texts": listed(entry(["0.6", "-0.25"])),
    "embedding_nested": listed(entry([[*VECTOR]])),
    "embedding_object": listed(entry({"values": [*VECTOR]})),
    "data_empty": listed(),
    "data_null": listed(data=None),
    "no_data_key": listed(data=...),
    "data_object": listed(data=entry(packed())),
    "entry_null": listed(None),
    "entry_list": listed([*VECTOR]),
    "two_vectors": listed(entry(packed()), entry(packed(OTHER), 1)),
    "two_with_one_index": listed(entry(packed()), entry(packed(OTHER))),
    "other_index": listed(entry(packed(), 1)),
    "no_index": listed(entry(packed(), index=...)),
}
