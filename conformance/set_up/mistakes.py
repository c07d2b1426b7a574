"""Which mistake of set-up a preflight shows: the run stops if every API shows one, on certain evidence alone.

A mistake is no verdict: the target could not be tested, and the exit code is 3.
"""

import re
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from html import unescape
from typing import Final, NamedTuple

from conformance import preflight
from conformance.apis.errors import body, error_response, is_html, one_line, quoted
from conformance.apis.specs import spec, url_of
from conformance.apis.unknown_model import says_model_is_unknown, served_models
from conformance.comparisons import missing_api
from conformance.model.exchange import Exchange
from conformance.model.run import Stopped
from conformance.model.target import Target
from conformance.model.words import Api
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON
from conformance.set_up import hints
from conformance.set_up.base_urls import (
    address_of,
    other_base_url,
    other_scheme,
    path_of,
    redirect_target,
)
from conformance.set_up.hints import Preflight

MOST_NAMED: Final = 5
ALERT: Final = b"\x15\x03"
"""The first bytes of a TLS alert (RFC 8446, section 5.1)."""
WANTS_TLS: Final = re.compile(rb"HTTP request (?:was )?(?:sent )?to (?:an )?HTTPS|plain HTTP to an SSL", re.IGNORECASE)
"""How nginx, Go and Apache answer plain HTTP on a port for HTTPS."""
TITLE: Final = re.compile(rb"<title[^>]*>(.{1,1000}?)</title", re.IGNORECASE | re.DOTALL)
REMEDIES: Final = (
    (re.compile(r"^the proxy "), "check that variable, or name the target's host in NO_PROXY"),
    (re.compile(r"certificate verification failed.*mismatch"), "use the host name that the certificate is for"),
    (re.compile(r"certificate verification failed.*expired"), "renew the certificate"),
    (re.compile(r"certificate verification failed"), "name the PEM file of its authority in SSL_CERT_FILE"),
    (re.compile(r"the connection was refused"), "is the server running, and is this its port?"),
    (re.compile(r"the name does not resolve"), "check the host name"),
)
"""What to do about a connection that failed."""


class Mistake(NamedTuple):
    """Why an API can't be tested: the stop code, and the reason in words."""

    stopped: Stopped
    why: str


NO_MISTAKE: Final = Mistake("", "")


def mistake(seen: Preflight) -> Mistake:
    """The mistake that the preflight shows on every API: the first in the order of CHECKS."""
    found = [_first_mistake(api, seen) for api in seen.received if seen.generations(api)]
    return min(found, key=lambda one: one[0])[1] if found and all(one[1].stopped for one in found) else NO_MISTAKE


def _first_mistake(api: Api, seen: Preflight) -> tuple[int, Mistake]:
    exchanges = seen.generations(api)
    if any(reply(x).status == 200 and not is_html(reply(x).content) for x in exchanges):
        return len(CHECKS), NO_MISTAKE
    found = ((place, check(exchanges, seen)) for place, check in enumerate(CHECKS))
    return next(((place, one) for place, one in found if one.stopped), (len(CHECKS), NO_MISTAKE))


def _wrong_scheme(exchanges: Sequence[Exchange], seen: Preflight) -> Mistake:
    x, hint, url = exchanges[-1], seen.hint(hints.OTHER_SCHEME), seen.target.base_url
    other = other_scheme(url)
    if hints.failed_in_tls(x) and hint and hint.received.startswith(b"HTTP/1.") and not _requires_tls(hint):
        why = f"The server at {address_of(url)} speaks plain HTTP, not TLS: use --base-url {other}"
        return Mistake("set-up", why)
    if _requires_tls(x) or (hints.is_dropped(x) and hint and _reached_tls(hint)):
        return Mistake("set-up", f"The server at {address_of(url)} expects TLS, not plain HTTP: use --base-url {other}")
    return NO_MISTAKE


def _requires_tls(x: Exchange) -> bool:
    """Whether a server says that it expects TLS, by an alert or in words."""
    is_worded = reply(x).status == 400 and WANTS_TLS.search(reply(x).content)
    return x.received.startswith(ALERT) or bool(is_worded)


def _reached_tls(hint: Exchange) -> bool:
    """Whether a TLS server is there, be its certificate trusted or not."""
    return hint.received.startswith(b"HTTP/1.") or hints.UNTRUSTED in hint.ending.detail


def _unreachable(exchanges: Sequence[Exchange], _seen: Preflight) -> Mistake:
    if any(x.ending.how != "unreachable" for x in exchanges):
        return NO_MISTAKE
    detail = exchanges[0].ending.detail or "no connection could be made"
    remedy = next((remedy for words, remedy in REMEDIES if words.search(detail)), "")
    return Mistake("unreachable", "; ".join(filter(None, (detail, remedy))))


def _silent(exchanges: Sequence[Exchange], seen: Preflight) -> Mistake:
    if not all(map(preflight.is_silent, exchanges)):
        return NO_MISTAKE
    waited = f"no response to a request of {len(exchanges[0].sent)} bytes within {seen.timeout_s:g} s"
    if any(x.received and x.case.subject == preflight.ALIVE for x in seen.received[exchanges[0].api]):
        why = f"{waited}, but one to GET /models: set --timeout to a longer time"
        return Mistake("too-slow", why)
    return Mistake("unreachable", f"the target accepts connections, but sends {waited}; if it is slow, set --timeout")


def _redirected(exchanges: Sequence[Exchange], seen: Preflight) -> Mistake:
    answer, target = reply(exchanges[-1]), seen.target
    if answer.status not in hints.REDIRECTS:
        return NO_MISTAKE
    api = exchanges[-1].api
    url, path = url_of(target, api), target.paths.get(api, spec(api).path)
    there = redirect_target(url, answer.value("location"))
    to = f" to {quoted(there, 200)}" if there else ""
    return Mistake(
        "set-up",
        f"The target redirects {path_of(url)} with HTTP {answer.status}{to}, and no redirect is followed:"
        f" {_advice_on_redirect(target, api, path, there)}",
    )


def _advice_on_redirect(target: Target, api: Api, path: str, there: str) -> str:
    base = there.removesuffix(path)
    if there.endswith(path) and base != target.base_url:
        return f"use --base-url {one_line(base, 200)}"
    if there == url_of(target, api) + "/":
        return f"use --path {api}={path}/"
    return "set --base-url to where the API itself is"


def _page(exchanges: Sequence[Exchange], seen: Preflight) -> Mistake:
    x = exchanges[-1]
    streamed = seen.hint(hints.STREAMED)
    if not hints.is_page(x) or not (streamed and hints.is_page(streamed)):
        return NO_MISTAKE
    title = TITLE.search(reply(x).content)
    titled = f" titled {quoted(unescape(title[1].decode('utf-8', 'replace')), 80)}" if title else ""
    where = url_of(seen.target, x.api)
    return Mistake(
        "set-up",
        f"This is not an API: {where} returned HTTP {reply(x).status} with an HTML page{titled};"
        " check --base-url, which usually ends in /v1",
    )


def _unknown_model(exchanges: Sequence[Exchange], seen: Preflight) -> Mistake:
    x, hint, model = exchanges[-1], seen.hint(hints.MODELS), seen.target.model
    served = served_models(hint) if hint else ()
    if not says_model_is_unknown(x) or model in served:
        return NO_MISTAKE
    error = error_response(x)
    words = f"The target does not serve the model {quoted(model)}: HTTP {error.status} {quoted(error.message, 200)}"
    return Mistake("set-up", "; ".join(filter(None, (words, _served(served), _nearest(model, served)))))


def _served(names: Sequence[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"served: {', '.join(one_line(name, 80) for name in names[:MOST_NAMED])}{more}" if names else ""


def _nearest(model: str, served: Sequence[str]) -> str:
    """The served model whose name is nearest, as a suggestion; the only one, whatever its name."""
    near = get_close_matches(model, served, n=1) or (served if len(served) == 1 else ())
    return f"did you mean --model {one_line(near[0], 80)}?" if near else "set --model"


def _key_refused(exchanges: Sequence[Exchange], _seen: Preflight) -> Mistake:
    if any(reply(x).status not in hints.REFUSED for x in exchanges):
        return NO_MISTAKE
    reason = error_response(exchanges[-1]).message
    words = f": {quoted(reason, 200)}" if reason else ""
    return Mistake("key-refused", f"HTTP {reply(exchanges[-1]).status}{words}")


def _elsewhere(exchanges: Sequence[Exchange], seen: Preflight) -> Mistake:
    """The path is missing, and the same API answers under another base URL."""
    x, hint = exchanges[-1], seen.hint(hints.OTHER_PATH)
    if not (reply(x).status in hints.NO_PAGE or hints.is_page(x)) or not (hint and _is_answer(hint)):
        return NO_MISTAKE
    other = other_base_url(seen.target.base_url)
    return Mistake(
        "set-up",
        f"HTTP {reply(x).status} at {path_of(url_of(seen.target, hint.api))}, but HTTP {reply(hint).status} at"
        f" {path_of(other)}{spec(hint.api).path}: did you mean --base-url {other}?",
    )


def _is_answer(hint: Exchange) -> bool:
    """Whether an API answered: with a completion, or with an error that is about the request."""
    status = reply(hint).status
    if status == 200:
        return body(hint) is not NOT_JSON
    return status in (400, 401, 422, 429) or (status == 404 and says_model_is_unknown(hint))


def _not_offered(exchanges: Sequence[Exchange], seen: Preflight) -> Mistake:
    if not _is_missing(exchanges[-1], seen):
        return NO_MISTAKE
    last = [seen.generations(api)[-1] for api in seen.received]
    places = "; ".join(f"{x.api}: HTTP {reply(x).status} at {path_of(url_of(seen.target, x.api))}" for x in last)
    return Mistake(
        "set-up",
        f"The target offers none of the requested APIs ({places}):"
        " check --base-url and --model, or name their paths with --path",
    )


def _is_missing(x: Exchange, seen: Preflight) -> bool:
    """Whether a path is missing in both modes; with a 501, the other mode has to be asked."""
    if reply(x).status == 501:
        streamed = seen.hint(hints.STREAMED, x.api)
        return streamed is not None and hints.is_unimplemented(x) and hints.is_unimplemented(streamed)
    return reply(x).status in hints.NO_PAGE and bool(missing_api(x))


Check = Callable[[Sequence[Exchange], Preflight], Mistake]
CHECKS: Final[tuple[Check, ...]] = (
    _wrong_scheme,
    _unreachable,
    _silent,
    _redirected,
    _elsewhere,
    _page,
    _unknown_model,
    _key_refused,
    _not_offered,
)
"""What may be wrong with an API, what explains most first."""
