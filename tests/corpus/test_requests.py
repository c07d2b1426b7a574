"""What real clients sent in public recordings, compared with the captured profiles: only known differences.

`requests.toml` lists them by product, API and mode: header fields that no profile of the product has, and the order of
a body's fields where no profile has it. As `test_vendors.py`, it needs a corpus.
"""

import json
import os
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest
from corpus import lines

from conformance.profiles.recording import recorded
from conformance.recordings.clients import product_of

CORPUS = os.environ.get("CONFORMANCE_CORPUS", "")
DIFFERENCES = tomllib.loads((Path(__file__).parent / "requests.toml").read_text())
CONNECTION = ("host", "content-length", "cookie")
"""Added by the HTTP library to every request."""

pytestmark = pytest.mark.skipif(not Path(CORPUS).is_file(), reason="CONFORMANCE_CORPUS names no file")


def profiles():
    """The captured requests by product, API and mode: (header names, body's fields) of each profile."""
    found = defaultdict(list)
    for profile in recorded():
        for mode, request in profile.requests.items():
            headers = {name.lower(): value for name, value in request.headers}
            product, _ = product_of(headers.get("user-agent", ""))
            if product:
                found[product.lower(), profile.api, mode].append((set(headers), list(request.body)))
    return found


def requests():
    """The requests: (product, API, mode), header names, and the body's fields, none if they were re-serialised."""
    for line in lines(CORPUS):
        entry = json.loads(line)
        headers = {name.lower(): values for name, values in entry["request_headers"].items()}
        product, _ = product_of((headers.get("user-agent") or [""])[0])
        body = json.loads(entry["request_body"])
        fields = [] if entry.get("request_reserialised") or list(body) == sorted(body) else list(body)
        yield (product.lower(), entry["api"], entry["mode"]), set(headers), fields


def in_common(fields, others):
    """The fields that are also in the others, in their order."""
    return [field for field in fields if field in others]


@pytest.fixture(scope="module")
def seen():
    """By product, API and mode: how many requests, unknown header fields, and orders that no profile has."""
    known, found = profiles(), {}
    for place, headers, fields in requests():
        if place not in known:
            continue
        of_place = found.setdefault(place, {"requests": 0, "headers": set(), "orders": set()})
        of_place["requests"] += 1
        of_place["headers"] |= headers - set(CONNECTION) - set().union(*(names for names, _ in known[place]))
        if all(in_common(fields, body) != in_common(body, fields) for _, body in known[place]):
            of_place["orders"].add(", ".join(in_common(fields, known[place][0][1])))
    return found


def test_the_corpus_has_requests_of_captured_products(seen):
    assert sum(of_place["requests"] for of_place in seen.values()) > 100
    assert {product for product, _, _ in seen} >= {"openai/python", "anthropic/python", "agents/python"}


def test_real_requests_differ_from_the_profiles_only_as_listed(seen):
    told = {
        ".".join(place): {"headers": sorted(of["headers"]), "orders": sorted(of["orders"])}
        for place, of in seen.items()
        if of["headers"] or of["orders"]
    }
    listed = {place: {"headers": each["headers"], "orders": each["orders"]} for place, each in DIFFERENCES.items()}
    assert told == listed
