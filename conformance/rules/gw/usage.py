"""The usage that a client gets is the upstream's, once, and to those who asked."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.chat import chunks
from conformance.apis.claims import is_error
from conformance.apis.evidence import missing_part
from conformance.apis.request import request_body
from conformance.apis.usage import counts_tokens, reports, usage
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.target import Policy
from conformance.model.verdict import MUST, SHOULD, Finding, NotJudged, not_applicable
from conformance.model.words import APIS, WITH_CHOICES
from conformance.parsing.http1 import reply
from conformance.parsing.json_values import as_object
from conformance.rules.example import HELLO, chunk, completion, streamed
from conformance.rules.gw.answers import sound, source
from conformance.rules.gw.content import PROBE, STREAM, USUAL, relayed
from conformance.rules.gw.example import both

SPEC = "https://platform.openai.com/docs/api-reference/chat-streaming"
ESTIMATES = "https://docs.litellm.ai/docs/completion/usage"
COUNTED = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
USAGE_CHUNK = chunk(choices=[], usage=COUNTED)
WITH_USAGE = STREAM | {"stream_options": {"include_usage": True}}
TOLD = (*HELLO[:-1], USAGE_CHUNK, "[DONE]")


def counted(sent: tuple[Any, ...], got: tuple[Any, ...], *, requested: bool = True) -> tuple[Exchange, ...]:
    """The payloads of the upstream's stream, whose request asks for usage, and those that the client got."""
    body = WITH_USAGE if requested else STREAM
    return both(streamed(*got, body=body, probe=PROBE), streamed(*sent, body=WITH_USAGE, probe=PROBE))


def requests_usage(x: Exchange) -> bool:
    """Whether a request asks for usage, or gets it anyway: only streams of choices have to ask."""
    options = as_object(request_body(x).get("stream_options"))
    return x.api not in WITH_CHOICES or x.mode != "stream" or options.get("include_usage") is True


@rule(
    "GW044",
    MUST,
    "The usage that the client gets is the upstream's",
    spec=SPEC,
    fix="Forward the usage wherever the upstream sends it: in a chunk without choices, beside an empty delta, with the "
    "finish reason, in response.incomplete; of several reports of one response the last one counts, do not add them up.",
    applies_to=USUAL,
    apis=APIS,
    good=[
        counted(TOLD, TOLD),
        relayed(completion(), completion()),
    ],
    bad=[
        counted(TOLD, HELLO),
        relayed(completion(), completion(usage=COUNTED | {"prompt_tokens": 6, "total_tokens": 9})),
    ],
)
def usage_altered(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Budgets, bills and rate limits are computed from it."""
    sent = source(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
        return
    counted_upstream, got = usage(sent), usage(x)
    if counted_upstream is None:
        yield not_applicable("the upstream sent no usage")
    elif got is None and is_error(x) and (reply(x).status >= 400 or not is_error(sent)):
        yield not_applicable("the client got an error")
    elif why := missing_part(x):
        yield not_applicable(f"at the client, {why}")
    elif got is None and requests_usage(x):
        yield Finding(f"the usage is lost; the upstream counted {_counts(counted_upstream)}")
    elif got is not None and got != counted_upstream:
        yield Finding(f"the client got {_counts(got)}; the upstream counted {_counts(counted_upstream)}")
    elif got is None:
        yield not_applicable("the client did not ask for usage")


def _counts(tokens: Any) -> str:
    more = f", {tokens.cached} cached" if tokens.cached else ""
    thought = f", {tokens.reasoning} of reasoning" if tokens.reasoning else ""
    return f"{tokens.prompt} prompt and {tokens.completion} completion tokens{more}{thought}"


def usage_chunks(x: Exchange) -> int:
    """How many chunks without choices have usage."""
    return sum(not found.value.get("choices") and bool(found.value.get("usage")) for found in chunks(x))


@rule(
    "GW045",
    MUST,
    "A usage chunk arrives once",
    spec=SPEC,
    fix="Send one usage chunk, whether the upstream tells its usage in a chunk, in a field of its own, or in both.",
    applies_to=USUAL,
    apis=WITH_CHOICES,
    modes=("stream",),
    good=[counted(TOLD, TOLD)],
    bad=[counted(TOLD, (*HELLO[:-1], USAGE_CHUNK, USAGE_CHUNK, "[DONE]"))],
)
def usage_doubled(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """Who adds up the chunks counts every request twice."""
    sent = source(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
    elif not usage_chunks(x):
        yield not_applicable("the client got no usage chunk")
    elif usage_chunks(x) > max(1, usage_chunks(sent)):
        yield Finding(f"the client got {usage_chunks(x)} usage chunks; the upstream sent {usage_chunks(sent)}")


@rule(
    "GW046",
    SHOULD,
    "Usage that the gateway asked for itself is hidden from a client that did not",
    spec=SPEC,
    fix="Remove the usage chunk from streams of clients that did not set stream_options.include_usage; if all clients are "
    "to get it, say so (gateway.usage).",
    applies_to=USUAL,
    apis=WITH_CHOICES,
    modes=("stream",),
    good=[counted(TOLD, HELLO, requested=False)],
    bad=[counted(TOLD, TOLD, requested=False)],
)
def usage_unasked(x: Exchange, upstream: tuple[Exchange, ...], policy: Policy) -> Iterator[Finding | NotJudged]:
    """Its chunk has no choices: clients that read the first choice of each chunk crash on it."""
    sent = source(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
    elif requests_usage(x) or not requests_usage(sent):
        yield not_applicable("the client asked for usage, or the gateway did not")
    elif usage_chunks(x) and not policy.gateway.usage:
        yield Finding("the client got a usage chunk, though it did not ask for it; the gateway did")


@rule(
    "GW047",
    SHOULD,
    "Usage that the upstream did not send is not made up",
    spec=ESTIMATES,
    fix="Leave usage out, or mark an estimate as one (a member such as `estimated: true` beside the counts).",
    applies_to=USUAL,
    apis=APIS,
    good=[
        relayed(completion(usage=None), completion(usage=None)),
        relayed(completion(usage=None), completion(usage=COUNTED | {"estimated": True})),
        relayed(completion(usage=None), completion(usage=dict.fromkeys(COUNTED, 0))),
    ],
    bad=[relayed(completion(usage=None), completion())],
)
def usage_invented(x: Exchange, upstream: tuple[Exchange, ...]) -> Iterator[Finding | NotJudged]:
    """An estimate looks like a count, and somebody is billed by it."""
    sent = source(x, upstream)
    if isinstance(sent, NotJudged):
        yield sent
    elif reports(sent) or sound(sent):
        yield not_applicable("the upstream sent usage, or no complete response")
    elif any(counts_tokens(found.value) for found in reports(x)) and not _is_marked(x):
        yield Finding(f"the client got {_shown(x)}, but the upstream sent no usage")


def _shown(x: Exchange) -> str:
    return _counts(found) if (found := usage(x)) else "usage"


def _is_marked(x: Exchange) -> bool:
    """Whether a reply says anywhere that its usage is an estimate."""
    names = [name for found in reports(x) for name in (*as_object(found.value), *found.within)]
    return any("estimat" in name.lower() for name in (*names, *(header.name for header in reply(x).headers)))
