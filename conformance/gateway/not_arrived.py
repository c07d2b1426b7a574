"""Why no request arrived upstream, in words: what the gateway responded, and what arrived in its place. Pure."""

from collections.abc import Mapping, Sequence
from typing import Final

from conformance.apis.errors import error_response, quoted
from conformance.model.exchange import Exchange
from conformance.model.run import GatewayFacts
from conformance.model.target import Target
from conformance.model.words import Api
from conformance.parsing.http1 import reply
from conformance.set_up.hints import Preflight
from conformance.set_up.mistakes import Mistake, mistake

MOST_NAMED: Final = 3


def why_nothing_arrived(
    target: Target,
    received: Mapping[Api, Sequence[Exchange]],
    facts: GatewayFacts,
    urls: Sequence[str],
    waited_s: float,
) -> Mistake:
    """The mistake of set-up that the gateway's responses show, or else what it responded, and what to configure.

    `received` are the last responses by API, `urls` those of the upstreams.
    """
    arrived = {api: exchanges for api, exchanges in received.items() if exchanges}
    found = mistake(Preflight(target=target, received=arrived, timeout_s=waited_s))
    if found.stopped:
        return Mistake(found.stopped, "; ".join(filter(None, (found.why, _elsewhere(facts)))))
    answers = [exchanges[-1] for exchanges in arrived.values()]
    model = target.policy.gateway.model or target.model
    observed = "; ".join(filter(None, (_observed(answers, target, waited_s), _elsewhere(facts))))
    return Mistake("set-up", f"No request arrived upstream: {observed}. Configure it to forward {model} to {urls[0]}")


def _observed(answers: Sequence[Exchange], target: Target, waited_s: float) -> str:
    """What the gateway responded."""
    if not answers:
        return f"the gateway at {target.base_url} did not respond within {waited_s:g} s"
    x = next((x for x in answers if reply(x).status in range(200, 300)), answers[0])
    status = reply(x).status
    if not status:
        detail = f": {x.ending.detail}" if x.ending.detail else ""
        return f"the gateway at {target.base_url} sent no response of HTTP/1.1 ({x.ending.how}{detail})"
    error = error_response(x)
    words = f" {quoted(error.message or error.text, 200)}" if error.message or error.text else ""
    where = ", so it forwards elsewhere, or responds from a cache" if status < 300 else ""
    return f"the gateway at {target.base_url} responded with HTTP {status}{words}{where}"


def _elsewhere(facts: GatewayFacts) -> str:
    """What arrived upstream in place of the requests, or empty."""
    others = sorted(facts.other_requests.items(), key=lambda one: -one[1])[:MOST_NAMED]
    named = [f"{count} × {name}" for name, count in (*others, *facts.refused.items())]
    return f"other requests arrived there ({', '.join(named)})" if named else ""
