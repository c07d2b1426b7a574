"""The dialect: how the model behind a target has to be asked."""

from typing import Literal

import msgspec

from conformance.model.words import Api

KeyHeader = Literal["authorization", "x-api-key"]


class Dialect(msgspec.Struct, frozen=True, kw_only=True):
    """How the model has to be asked on one API.

    `cap_field` limits the completion tokens; None: the API's usual field. `min_cap` is the smallest cap that the target
    accepts. `least_cap` is the smallest cap under which a completion shows text: models that reason use up smaller ones
    before the text. `reasons`: the model reasons.
    `refused` are parameters that the model refuses by name, with the server's words. `key_header` carries the key;
    None: the header of each profile. `unknown` is why the preflight could not find out; empty if it did.
    """

    cap_field: str | None = None
    min_cap: int = 1
    least_cap: int = 1
    reasons: bool = False
    refused: dict[str, str] = {}
    key_header: KeyHeader | None = None
    unknown: str = ""


USUAL = Dialect()
"""The dialect of a model that takes every parameter and does not reason."""

Dialects = dict[Api, Dialect]
