"""Requests whose fields must arrive at the upstream as they were sent."""

from conformance.apis.specs import spec
from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import GENERATIVE
from conformance.probes.baseline import token_cap, with_fields

PROBES = tuple(
    Probe(
        api=api,
        kind=Kind.GATEWAY_FIELD,
        subject=spec(api).cap,
        purpose="A token cap arrives at the upstream.",
        script="native-sse",
        modes=("unary",),
        suite="smoke",
        build_body=with_fields(**token_cap(api, 64)),
    )
    for api in GENERATIVE
)
