"""Hints: the few requests after a failed preflight that show what may have been meant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from conformance import preflight
from conformance.apis.errors import error_response, is_html, speaks_of_streaming
from conformance.apis.unknown_model import says_model_is_unknown
from conformance.model.exchange import Exchange, Request
from conformance.model.profile import KEY
from conformance.model.target import Target
from conformance.model.words import Api
from conformance.parsing.http1 import reply
from conformance.plan import to_json
from conformance.set_up.base_urls import has_port, other_base_url, other_scheme

OTHER_PATH, OTHER_SCHEME, MODELS, STREAMED = "other-path", "other-scheme", "models", "streamed"
"""The hints, which are the subjects of the test cases."""
MOST_HINTS: Final = 2
NO_PAGE: Final = (404, 405)
"""Statuses of a path that does not exist, or not for POST."""
REDIRECTS: Final = (301, 302, 303, 307, 308)
REFUSED: Final = (401, 403)
TLS: Final = "TLS with "
UNTRUSTED: Final = "certificate verification failed"
"""Words of the transport about a failed connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Preflight:
    """A preflight that is over: the exchanges of each API, and the hints after them."""

    target: Target
    received: Mapping[Api, Sequence[Exchange]]
    timeout_s: float
    hints: Sequence[Exchange] = ()

    def generations(self, api: Api) -> tuple[Exchange, ...]:
        """The exchanges of an API whose requests ask for text."""
        return tuple(x for x in self.received[api] if x.case.subject != preflight.ALIVE)

    def hint(self, step: str, api: Api | None = None) -> Exchange | None:
        """The exchange of a hint, for one API or for any; or None."""
        return next((x for x in self.hints if x.case.subject == step and api in (None, x.api)), None)


def next_hint(seen: Preflight) -> Request | None:
    """The next request after a preflight that failed on every API, or None if no more are of use."""
    last = {api: seen.generations(api)[-1] for api in seen.received if seen.generations(api)}
    if len(seen.hints) == MOST_HINTS or not all(map(_has_failed, last.values())):
        return None
    for api, x in last.items():
        step = _step_for(seen, x)
        if step and not seen.hint(step, api if step == STREAMED else None):
            return _request(seen, api, step)
    return None


def _has_failed(x: Exchange) -> bool:
    """Whether the response is such that another request would fare no better."""
    is_decided = reply(x).status in (*REDIRECTS, *REFUSED, *NO_PAGE, 501)
    return x.is_lost or is_decided or is_page(x) or says_model_is_unknown(x)


def _step_for(seen: Preflight, x: Exchange) -> str:
    """The hint that shows what was meant in place of a request that failed, or empty."""
    if is_dropped(x) or (failed_in_tls(x) and has_port(seen.target.base_url)):  # else it would be another port
        return OTHER_SCHEME
    if says_model_is_unknown(x):
        return MODELS
    is_elsewhere = x.api not in seen.target.paths and other_base_url(seen.target.base_url)
    if (reply(x).status in NO_PAGE or is_page(x)) and is_elsewhere and not seen.hint(OTHER_PATH):
        return OTHER_PATH
    return STREAMED if is_unimplemented(x) or is_page(x) else ""


def failed_in_tls(x: Exchange) -> bool:
    """Whether a connection was made, but no TLS, for another reason than the certificate."""
    return x.ending.how == "unreachable" and x.ending.detail.startswith(TLS) and UNTRUSTED not in x.ending.detail


def is_dropped(x: Exchange) -> bool:
    """Whether the target closed the connection without a byte, as a server does that expects TLS."""
    return x.ending.how in ("closed", "reset") and not x.received


def is_unimplemented(x: Exchange) -> bool:
    """Whether the response is a 501 that is not about streaming: whoever speaks of that has the path."""
    return reply(x).status == 501 and not speaks_of_streaming(error_response(x))


def is_page(x: Exchange) -> bool:
    """Whether the response is an HTML page of a server that is not an API, and not of one that is down."""
    return reply(x).status in (200, 403, *NO_PAGE) and is_html(reply(x).content)


def _request(seen: Preflight, api: Api, step: str) -> Request:
    target = seen.target
    dialect = preflight.settled(target, api, seen.received[api])
    if step == MODELS:
        return preflight.models_request(target, api, step, dialect)
    if step == OTHER_PATH:
        there = msgspec.structs.replace(target, base_url=other_base_url(target.base_url))
        return preflight.smallest_request(there, api, step, dialect)
    if step == OTHER_SCHEME:
        there = msgspec.structs.replace(target, base_url=other_scheme(target.base_url), headers={})
        return _without_key(preflight.models_request(there, api, step, dialect))
    return _streamed(preflight.smallest_request(target, api, step, dialect))


def _without_key(request: Request) -> Request:
    """The request without the key: nobody vouches for the server there."""
    kept = tuple((name, value) for name, value in request.headers if KEY not in value)
    return msgspec.structs.replace(request, headers=kept)


def _streamed(request: Request) -> Request:
    (case,) = request.cases
    body = to_json({**msgspec.json.decode(request.body), "stream": True})
    cases = (msgspec.structs.replace(case, mode="stream"),)
    return msgspec.structs.replace(request, body=body, cases=cases)
