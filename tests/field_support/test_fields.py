"""Field support: for a deployment that drops exactly one field, exactly that field is reported."""

import pytest

from conformance import schemas
from conformance.field_support.fields import conclude, field_observations
from conformance.judging import judge
from conformance.model.case import Kind
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.model.words import APIS
from conformance.plan import plan
from conformance.probes.nested import PLACES
from conformance.testbed.mutations.mutate_requests import dropping, rewriting, streaming
from conformance.testbed.server.reply import Mutation
from conformance.testbed.server.simulate import BASE_URL, simulate_exchange

NEEDED = {
    "chat": ("model", "messages"),
    "messages": ("model", "messages", "max_tokens"),
    "responses": ("model", "input"),
    "completions": ("model", "prompt"),
    "embeddings": ("model", "input"),
}
"""Fields without which a request is rejected, whatever else it has."""
WHERE = {"stream": streaming, "unary": lambda request: not streaming(request), "both": bool}
FIELDS = [
    (api, name)
    for api in APIS
    for name in schemas.load(f"{api}-request")["properties"]
    if name not in (*NEEDED[api], "stream")
]
MOST_REQUESTS, MOST_TOKENS = 90, 2500


def requests(api):
    return plan(Target(base_url=BASE_URL, model="reference", apis=(api,)), (), "fields")


def asked(api, change=None):
    """The responses of a deployment with a change to the suite."""
    return {r.id: simulate_exchange(r, "native-sse", (change,) if change else ()) for r in requests(api)}


def table(api, change=None):
    """The reported support of each field, in each mode."""
    exchanges = asked(api, change)
    hellos = {x.mode: x for x in exchanges.values() if x.case.kind is Kind.BASELINE}
    seen = (one for x in exchanges.values() for one in field_observations(x, hellos[x.mode]))
    return {(name, mode): shown.state for (_, name, mode), shown in conclude(seen).items()}


def dropped(states):
    return {place for place, state in states.items() if state == "dropped"}


@pytest.mark.parametrize("api", APIS)
def test_the_strict_deployment_drops_no_field_and_costs_little(api):
    exchanges = asked(api)
    names = tuple(exchanges)
    target = Target(base_url=BASE_URL, model="reference", apis=(api,))
    facts = RunManifest(tool="t", started="", target=target, suite="fields", profiles=(), planned=names)
    judged = judge(facts, exchanges.__getitem__, names)
    states = {(name, mode): shown.state for (_, name, mode), shown in judged.fields.items()}
    assert states == table(api)
    assert dropped(states) == set()
    assert {name for name, _ in states} >= {name for of, name in FIELDS if of == api} - {"top_logprobs"}
    assert judged.requests <= MOST_REQUESTS
    assert judged.tokens_prompt + judged.tokens_completion <= MOST_TOKENS
    assert all(shown.why and shown.exchange for shown in judged.fields.values() if shown.state != "honoured")


@pytest.mark.parametrize("mode", [*(pytest.param(m, marks=pytest.mark.verify) for m in ("stream", "unary")), "both"])
@pytest.mark.parametrize(("api", "name"), FIELDS)
def test_the_one_field_that_is_dropped_is_named_and_no_other(api, name, mode):
    where = WHERE[mode]
    ask = dropping(name, where=where, apis=(api,))
    states = table(api, Mutation(name="unread", title="One field is not read", caught_by="FLD004", on_request=ask))
    found = dropped(states)
    assert {top.partition(".")[0] for top, _ in found} <= {name}
    modes = {m for m in ("stream", "unary") if mode in (m, "both") and (name, m) in states}
    assert {m for top, m in found if top == name} == modes, states.get((name, "unary"))


@pytest.mark.parametrize("mode", [*(pytest.param(m, marks=pytest.mark.verify) for m in ("stream", "unary")), "both"])
@pytest.mark.parametrize(
    ("api", "name"),
    [
        *(("chat", n) for n in ("n", "stop", "logprobs", "tool_choice", "response_format", "max_tokens")),
        *(("chat", n) for n in ("stream_options", "max_completion_tokens", "parallel_tool_calls", "logit_bias")),
        *(("messages", n) for n in ("stop_sequences", "tool_choice")),
        *(("responses", n) for n in ("tool_choice", "text", "max_output_tokens", "parallel_tool_calls")),
        *(("completions", n) for n in ("n", "stop", "logprobs", "echo", "max_tokens")),
    ],
)
def test_a_field_whose_type_is_checked_and_whose_value_is_not_read_is_named(api, name, mode):
    """The server rejects wrong types, and ignores correct values."""
    drop = dropping(name, where=WHERE[mode], apis=(api,))

    def ask(request):
        read = drop(request)
        is_right = schemas.validator(f"{api}-request").is_valid(request.json)
        return read if is_right else request

    states = table(
        api, Mutation(name="checked", title="A type is checked, a value not read", caught_by="x", on_request=ask)
    )
    expected = {m for m in ("stream", "unary") if mode in (m, "both") and (name, m) in states}
    found = dropped(states)
    assert {top.partition(".")[0] for top, _ in found} <= {name}
    assert {m for top, m in found if top.partition(".")[0] == name} == expected


def without(value, path):
    """A value without the item at a path, inside lists too."""
    if isinstance(value, list):
        return [without(item, path) for item in value]
    if not isinstance(value, dict):
        return value
    first, *rest = path
    if not rest:
        return {name: item for name, item in value.items() if name != first}
    return {name: without(item, rest) if name == first else item for name, item in value.items()}


REQUIRED = ("messages.content", "messages.content.text", "messages.content.image_url", "messages.content.input_audio",
            "messages.content.file", "messages.content.source", "system.text", "tools.input_schema", "tool_choice.name",
            "thinking.budget_tokens", "input.content", "input.content.text", "input.content.image_url",
            "text.format.schema", "response_format.json_schema.schema")  # fmt: skip
"""Without these a request is rejected, whatever else it has."""
NESTED = [(api, path) for api, places in PLACES.items() for path in places if path not in REQUIRED]


@pytest.mark.parametrize(("api", "path"), NESTED)
def test_a_field_inside_an_object_that_is_dropped_is_named_and_no_other(api, path):
    ask = rewriting(lambda body: without(body, path.split(".")), apis=(api,))
    states = table(api, Mutation(name="unread", title="A field is not read", caught_by="FLD004", on_request=ask))
    assert dropped(states) == {(path, "unary")}
