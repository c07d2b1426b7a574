"""Embeddings responses, for the examples of the EMB rules."""

import base64
import struct
from collections.abc import Sequence
from typing import Any, Final

from conformance.model.exchange import Exchange
from conformance.parsing.json_values import Object
from conformance.rules.example import answered

ONE: Final = (0.6, 0.8, 0.0, 0.0)
TWO: Final = (0.0, 0.6, 0.8, 0.0)
THREE: Final = (0.0, 0.0, 0.6, 0.8)
TEXTS: Final = ["Knead the dough.", "The lamp is green.", "A distant galaxy."]


def as_base64(values: Sequence[float], form: str = "<f") -> str:
    """The values in Base64, as 32-bit floats in little-endian order or in another form."""
    return base64.b64encode(struct.pack(f"{form[0]}{len(values)}{form[1]}", *values)).decode()


def entry(values: Any, index: Any = 0, **changes: Any) -> Object:
    """An entry of `data`; keyword arguments replace or add members, None removes one."""
    given = {"object": "embedding", "index": index, "embedding": values} | changes
    return {name: value for name, value in given.items() if value is not None}


def listed(*entries: Any, tokens: int = 6, **changes: Any) -> Object:
    """A response with these entries; keyword arguments replace or add members, None removes one."""
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    given = {"object": "list", "data": [*entries], "model": "m", "usage": usage} | changes
    return {name: value for name, value in given.items() if value is not None}


def embedded(value: Any, given: Any = TEXTS[1], probe: str = "twin", status: int = 200, **fields: Any) -> Exchange:
    """The response `value` to a request for the embeddings of `given`."""
    body = {"model": "m", "input": given, **fields}
    return answered(value, status=status, probe=f"embeddings.{probe}", body=body)


def single(values: Any = ONE, given: Any = TEXTS[1], probe: str = "twin", **fields: Any) -> Exchange:
    """The response with one embedding to a request for one."""
    return embedded(listed(entry(values)), given, probe, **fields)


def batch(*vectors: Any, given: Any = TEXTS, probe: str = "form.batch", **changes: Any) -> Exchange:
    """The response with these embeddings, in order, to a request for three."""
    entries = [entry(values, index) for index, values in enumerate(vectors)]
    return embedded(listed(*entries, **changes), given, probe)


GOOD: Final = single()
GOOD_BATCH: Final = batch(TWO, ONE, THREE)
GOOD_BASE64: Final = single(as_base64(ONE), encoding_format="base64", probe="witness.encoding_format")
