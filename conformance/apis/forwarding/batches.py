"""Requests with several inputs: each has its own response, so a gateway may send them upstream apart. Pure."""

from collections import Counter
from collections.abc import Sequence
from typing import Any, Final

from conformance.apis.request import prompts_in, request_body
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.words import Api
from conformance.parsing.json_exact import unordered
from conformance.parsing.json_values import is_integer

WITH_BATCHES: Final[tuple[Api, ...]] = ("completions", "embeddings")
"""The APIs with lists of prompts or inputs, each of which gets a result of its own."""


def batch(x: Exchange) -> tuple[str, ...]:
    """The prompts or inputs of a request, as JSON: texts and lists of token IDs; none of an API that has no batches."""
    body = request_body(x)
    if x.api not in WITH_BATCHES:
        return ()
    found = prompts_in(body) if x.api == "completions" else _inputs(body.get("input"))
    return tuple(map(unordered, found))


def _inputs(given: Any) -> Sequence[Any]:
    is_many = isinstance(given, list) and not all(map(is_integer, given))
    return given if is_many else [given]


def are_parts(one: Exchange, other: Exchange) -> bool:
    """Whether two requests to one API have different inputs, as those have in which a gateway sends a batch."""
    mine, theirs = {*batch(one)}, {*batch(other)}
    return one.api == other.api and bool(mine and theirs) and mine.isdisjoint(theirs)


def is_in_parts(x: Exchange, upstream: Sequence[Exchange]) -> bool:
    """Whether a gateway sends the inputs of a request apart: each in one of several, or those that it has not stored.

    It may have stored inputs of earlier requests with the same nonce.
    """
    parts = [batch(arrived) for arrived in upstream if arrived.api == x.api]
    sent, arrived = Counter(batch(x)), Counter(one for part in parts for one in part)
    may_be_stored = x.case.kind is Kind.GATEWAY_CACHE and bool(x.case.subject)
    return bool(arrived) and (len(parts) > 1 if arrived == sent else may_be_stored and arrived < sent)
