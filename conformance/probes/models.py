"""GET /models: the list, the tested model, and an unknown one."""

from conformance.model.case import Kind
from conformance.model.probe import Probe, RawRequest
from conformance.model.profile import WRONG_KEY
from conformance.model.words import Suite

MODELS = "/models"


def _models(
    about: str,
    purpose: str,
    path: str = MODELS,
    headers: tuple[tuple[str, str | None], ...] = (),
    suite: Suite = "gate",
) -> Probe:
    raw = RawRequest(method="GET", path=path, headers=(("content-type", None), *headers))
    return Probe(
        api="chat",
        kind=Kind.MODELS,
        subject=about,
        purpose=purpose,
        modes=("unary",),
        raw=raw,
        suite=suite,
        max_tokens=1,
    )


LIST = (
    _models("list", "The list of models, which setup wizards and agents request at startup."),
    _models("one", "The tested model, by name.", f"{MODELS}/{{model}}", suite="full"),
    _models("unknown", "A model that does not exist, by name.", f"{MODELS}/no-such-model-of-anyone", suite="full"),
    _models(
        "wrong-key",
        "The list of models, with a wrong key.",
        headers=(("authorization", f"Bearer {WRONG_KEY}"), ("x-api-key", None)),
        suite="full",
    ),
)
