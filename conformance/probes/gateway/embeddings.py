"""Requests for embeddings: their inputs have to arrive in their form, and their vectors to come back unchanged."""

from typing import Any, Final

from conformance.model.case import Kind
from conformance.model.probe import Probe
from conformance.model.words import Mode, Suite
from conformance.probes.baseline import Change
from conformance.probes.embeddings import BATCH, TOKENS
from conformance.probes.gateway.replies import FULL_WHOLE_FAULTS, FULL_WHOLES

UNARY: Final[tuple[Mode, ...]] = ("unary",)
ALONE: Final = 2
"""The stage of requests without a text: sent alone, they are known upstream by when they arrive."""


def _asking(fields: dict[str, Any]) -> Change:
    """These fields, and no others besides the model's name."""
    return lambda body, _mode: {"model": body["model"]} | fields


def _probe(
    kind: Kind,
    script: str,
    purpose: str,
    suite: Suite = "gate",
    about: str = "",
    *,
    stage: int = 0,
    **fields: Any,
) -> Probe:
    """A request with these fields, or else the baseline request, which a script serves; `about` names it."""
    return Probe(
        api="embeddings",
        kind=kind,
        subject=about or script,
        purpose=purpose,
        script=script,
        modes=UNARY,
        suite=suite,
        build_body=_asking(fields) if fields else None,
        stage=stage,
        max_tokens=0,
        is_followed=False,
    )


def _input(about: str, purpose: str, script: str = "native-sse", suite: Suite = "gate", **fields: Any) -> Probe:
    return _probe(Kind.GATEWAY_CONTENT, script, purpose, suite, about, **fields)


INPUTS: Final = (
    _input("tokens", "The tokens of one text.", stage=ALONE, input=TOKENS[0], encoding_format="float"),
    _input("token-lists", "The tokens of two texts.", stage=ALONE, input=[*TOKENS], encoding_format="float"),
    _input(
        "batch",
        "Three texts, whose response has a large integer.",
        "large-integer",
        input=[*BATCH],
        encoding_format="float",
    ),
    _input("batch-as-base64", "Three texts, as Base64.", suite="full", input=[*BATCH], encoding_format="base64"),
    _input("default-format", "A text, without `encoding_format`.", input=BATCH[0]),
)
VARIANTS: Final = (
    _probe(
        Kind.GATEWAY_VARIANT,
        "emb-reversed-list",
        "The embeddings are in another order than their inputs, each with its index.",
        input=[*BATCH],
        encoding_format="float",
    ),
    _probe(Kind.GATEWAY_VARIANT, "emb-no-usage", "The upstream tells no usage.", "full"),
    _probe(Kind.GATEWAY_VARIANT, "emb-more-members", "The response has an id and a time.", "full"),
    *(
        _probe(Kind.GATEWAY_VARIANT, script, "A legal form of a response.", "full", f"whole.{script}")
        for script in FULL_WHOLES
    ),
)
FAULTS: Final = (
    _probe(Kind.GATEWAY_FAULT, "length-not-met", "The upstream's body is shorter than its Content-Length."),
    _probe(Kind.GATEWAY_FAULT, "empty-200", "The upstream's success has no body."),
    _probe(Kind.GATEWAY_FAULT, "cut-json", "The upstream's body ends within its JSON.", "full"),
    *(
        _probe(Kind.GATEWAY_FAULT, script, "A defect of a response.", "full", f"whole.{script}")
        for script in FULL_WHOLE_FAULTS
    ),
)
PROBES = (*INPUTS, *VARIANTS, *FAULTS)
