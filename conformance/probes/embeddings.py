"""Embeddings: inputs in every form, both encodings, dimensions, and what is no input."""

from collections.abc import Callable
from typing import Any, Final

from conformance.model.case import Kind
from conformance.model.probe import OVERLOAD_STAGE, Probe
from conformance.model.words import Mode, Suite
from conformance.probes.mistakes import WORDS

HARBOUR: Final = "The harbour lamp is green tonight, and two boats are waiting."
PASTRY: Final = "Knead the dough for ten minutes before you let it rest in a warm place."
GALAXY: Final = "Astronomers measured the redshift of a distant galaxy with a new spectrograph."
BATCH: Final = (PASTRY, HARBOUR, GALAXY)
"""Texts with hardly a word in common. None of them keeps its place if they are reversed or rotated but one."""
TOKENS: Final = ([5, 17, 42, 9], [23, 8])
"""Tokens that every vocabulary has."""
NOTATIONS: Final = ("[5, 17, 42, 9]", "[5,17,42,9]", "5 17 42 9", "5, 17, 42, 9")
"""The first of the tokens as the texts that a server may take them for."""
BEGIN: Final = " ".join(f"Lamp {number} of the harbour is green, and nobody knows who lit it." for number in range(60))
"""More than 700 words: longer than the context of many embedding models, which have 512 tokens or fewer."""
ENDS: Final = tuple(f"{text} " * 12 for text in (PASTRY, GALAXY))
FEW: Final = 8
"""Dimensions: fewer than any model's own number, so that an ignored field shows."""
MANY: Final = 64
"""More inputs than most engines take at once; their embeddings are not larger than what the harness reads."""
UNARY: Final[tuple[Mode, ...]] = ("unary",)


def _asking(**fields: Any) -> Callable[[dict[str, Any], Mode], Any]:
    """The baseline body with these fields; None removes one."""
    kept = {name: value for name, value in fields.items() if value is not None}
    return lambda body, _mode: {name: value for name, value in body.items() if name not in fields} | kept


def _probe(
    kind: Kind,
    subject: str,
    purpose: str,
    *,
    suite: Suite = "gate",
    field_suite_modes: tuple[Mode, ...] = (),
    smoke_suite_modes: tuple[Mode, ...] = (),
    stage: int = 0,
    **fields: Any,
) -> Probe:
    return Probe(
        api="embeddings",
        kind=kind,
        subject=subject,
        purpose=purpose,
        modes=UNARY,
        build_body=_asking(**fields),
        suite=suite,
        field_suite_modes=field_suite_modes,
        smoke_suite_modes=smoke_suite_modes,
        max_tokens=0,
        stage=stage,
    )


REPEATS: Final = (
    _probe(Kind.REPEAT, "", "A text as numbers, to compare the others with.", input=HARBOUR, encoding_format="float"),
    Probe(
        api="embeddings",
        kind=Kind.REPEAT,
        repeat=1,
        purpose="The same request again, to show whether the target repeats its embedding.",
        modes=UNARY,
        build_body=_asking(input=HARBOUR, encoding_format="float"),
        max_tokens=0,
        never_merge=True,
    ),
)
EFFECTS: Final = (
    _probe(
        Kind.EFFECT,
        "encoding_format",
        "The same text as Base64, which the official SDKs ask for by default.",
        field_suite_modes=UNARY,
        input=HARBOUR,
        encoding_format="base64",
    ),
    _probe(
        Kind.EFFECT,
        "dimensions",
        "The same text in fewer dimensions.",
        field_suite_modes=UNARY,
        input=HARBOUR,
        encoding_format="float",
        dimensions=FEW,
    ),
)
FORMS: Final = (
    _probe(
        Kind.ACCEPTED_FORM,
        "batch",
        "Three texts in one request.",
        smoke_suite_modes=UNARY,
        input=[*BATCH],
        encoding_format="float",
    ),
    _probe(
        Kind.ACCEPTED_FORM,
        "default-format",
        "Another text alone, without `encoding_format`.",
        input=PASTRY,
        encoding_format=None,
    ),
    _probe(Kind.ACCEPTED_FORM, "list-of-one", "A list of one text.", input=[GALAXY], encoding_format="float"),
    _probe(Kind.ACCEPTED_FORM, "tokens", "The tokens of one text.", input=TOKENS[0], encoding_format="float"),
    _probe(
        Kind.ACCEPTED_FORM,
        "tokens-as-texts",
        "The numbers of these tokens as texts, to show whether the tokens are taken for one of them.",
        suite="full",
        input=[*NOTATIONS],
        encoding_format="float",
    ),
    _probe(Kind.ACCEPTED_FORM, "token-lists", "The tokens of two texts.", input=[*TOKENS], encoding_format="float"),
    _probe(
        Kind.ACCEPTED_FORM,
        "batch-as-base64",
        "Three texts in one request, as Base64.",
        suite="full",
        input=[*BATCH],
        encoding_format="base64",
    ),
    _probe(
        Kind.ACCEPTED_FORM,
        "dimensions-as-base64",
        "Two texts in fewer dimensions, as Base64.",
        suite="full",
        input=[HARBOUR, PASTRY],
        encoding_format="base64",
        dimensions=FEW,
    ),
    _probe(
        Kind.ACCEPTED_FORM,
        "equal-texts",
        "The same text three times in one request.",
        suite="full",
        input=[HARBOUR] * 3,
        encoding_format="float",
    ),
    _probe(
        Kind.ACCEPTED_FORM,
        "many",
        "More texts than most engines take at once.",
        suite="full",
        input=[f"Lamp {number} is lit." for number in range(MANY)],
    ),
)
EMPTY: Final = (
    _probe(Kind.MISTAKE, "empty-text", "An empty text.", input="", encoding_format="float"),
    _probe(Kind.MISTAKE, "empty-list", "An empty list.", suite="full", input=[], encoding_format="float"),
    _probe(
        Kind.MISTAKE,
        "empty-in-a-batch",
        "Two texts with an empty one between them.",
        input=[PASTRY, "", HARBOUR],
        encoding_format="float",
    ),
)
LONG: Final = (
    _probe(
        Kind.MISTAKE,
        "too-long",
        "A text longer than the context of most models.",
        suite="full",
        input="no " * WORDS,
        encoding_format="float",
        stage=OVERLOAD_STAGE,
    ),
    _probe(
        Kind.MISTAKE,
        "long-texts",
        "Two long texts that differ at the end: longer than the context of many models.",
        suite="full",
        input=[f"{BEGIN} {end}" for end in ENDS],
        encoding_format="float",
    ),
)
RANGES: Final = (
    _probe(
        Kind.OUT_OF_RANGE,
        "encoding_format",
        "`encoding_format` has an unknown value.",
        encoding_format="no_such_format",
    ),
    _probe(Kind.OUT_OF_RANGE, "dimensions", "No dimensions are asked for.", suite="full", dimensions=0),
    _probe(Kind.OUT_OF_RANGE, "input", "A negative token.", suite="full", input=[-1], encoding_format="float"),
)
UNKNOWN: Final = (
    _probe(Kind.UNKNOWN_FIELD, "stream", "A stream is requested, which the API does not have.", stream=True),
    _probe(Kind.UNKNOWN_FIELD, "dimension", "A misspelt `dimensions`.", suite="full", dimension=FEW),
)
