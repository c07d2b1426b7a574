"""Conditions under which a rule on embeddings applies."""

from collections.abc import Callable
from typing import Final

from conformance.apis.embeddings import Vector, inputs, vectors
from conformance.apis.errors import error_response
from conformance.apis.response_content import response_content
from conformance.model.case import Kind
from conformance.model.exchange import Exchange
from conformance.model.rule import Condition
from conformance.model.verdict import OUT_OF_SCOPE, NotJudged, not_applicable, untestable
from conformance.parsing.http1 import reply
from conformance.parsing.json_body import json_body
from conformance.parsing.json_text import fault_of
from conformance.parsing.json_values import as_object
from conformance.rules.conditions import all_of, answered_whole, whole


def answered(x: Exchange) -> NotJudged | None:
    """The response to a valid request is complete and JSON, and no error; HTTP008 reports what is not JSON."""
    if x.case.kind in (Kind.MODELS, Kind.OTHER_ROUTE) or x.case.subject in ("get", "unknown-route"):
        return OUT_OF_SCOPE
    if skip := answered_whole(x) or whole(x):
        return skip
    if error_response(x):
        return not_applicable("the response body is an error, with a 2xx status (see ERR013)")
    fault = fault_of(reply(x).content)
    return untestable(f"the response body is not JSON: {fault}") if fault else None


def listed(x: Exchange) -> NotJudged | None:
    """The response has a list of embeddings."""
    if skip := answered(x):
        return skip
    data = as_object(json_body(x)).get("data")
    return None if isinstance(data, list) else untestable("the response has no array `data` (see EMB001)")


def counted(x: Exchange) -> NotJudged | None:
    """As `listed`, and it is known how many inputs the request has."""
    return listed(x) or (None if inputs(x) else not_applicable("`input` has no form that the API documents"))


def readable(x: Exchange) -> NotJudged | None:
    """The response has embeddings, and all can be read."""
    if skip := listed(x):
        return skip
    if not vectors(x):
        return untestable("the response has no embeddings (see EMB003)")
    fault = next((vector for vector in vectors(x) if vector.values is None), None)
    return untestable(f"embedding {fault.at} can't be read: {fault.fault} (see EMB006, EMB007)") if fault else None


def indexed(x: Exchange) -> NotJudged | None:
    """As `readable`, and each input has one embedding with its index."""
    if skip := readable(x) or counted(x):
        return skip
    found = sorted(-1 if vector.input_index is None else vector.input_index for vector in vectors(x))
    is_right = found == list(range(inputs(x) or 0))
    return None if is_right else untestable("the embeddings have not the indexes of the inputs (see EMB003, EMB004)")


def finite(x: Exchange) -> NotJudged | None:
    """As `indexed`, and no embedding is zero or has a value that is not finite."""
    if skip := indexed(x):
        return skip
    is_usable = all(is_finite(vector) and any(vector.values or ()) for vector in vectors(x))
    return None if is_usable else untestable("an embedding is zero or not finite (see EMB008, EMB009)")


BEYOND: Final = 1e150
"""Magnitude whose square is no longer a finite number."""


def is_finite(vector: Vector) -> bool:
    """Whether a vector has numbers, and no similarity to it overflows."""
    return bool(vector.values) and all(-BEYOND < value < BEYOND for value in vector.values or ())


def is_case(kind: Kind, *subjects: str) -> Condition:
    """The test case is of this kind, and about one of these subjects."""

    def is_it(x: Exchange) -> NotJudged | None:
        return None if x.case.kind is kind and x.case.subject in subjects else OUT_OF_SCOPE

    return is_it


def of(kind: Kind, *subjects: str, then: Condition = finite) -> Callable[[Exchange], NotJudged | None]:
    """The test case is one of these, and its response is as `then` demands."""
    return all_of(is_case(kind, *subjects), then)


def other_name(x: Exchange, other: Exchange) -> str:
    """Why two responses may be of different models, or empty."""
    one, two = (response_content(each).models for each in (x, other))
    return f"the responses name different models: {one[0][:40]} and {two[0][:40]}" if one != two and one and two else ""
