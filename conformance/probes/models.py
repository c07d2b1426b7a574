"""The models: the list, the tested one, and one that is not there."""

from conformance.model.probe import Probe, Raw, Suite
from conformance.model.profile import WRONG_KEY

MODELS = "/models"


def _models(
    about: str,
    purpose: str,
    path: str = MODELS,
    headers: tuple[tuple[str, str | None], ...] = (),
    suite: Suite = "gate",
) -> Probe:
    raw = Raw(method="GET", path=path, headers=(("content-type", None), *headers))
    name = f"chat.models.{about}"
    return Probe(name=name, purpose=purpose, api="chat", modes=("unary",), raw=raw, suite=suite, max_tokens=1)


LIST = (
    _models("list", "Which models are there: setup wizards and agents ask before they begin."),
    _models("one", "The tested model, by its name.", f"{MODELS}/{{model}}", suite="full"),
    _models("unknown", "A model that nobody serves, by its name.", f"{MODELS}/no-such-model-of-anyone", suite="full"),
    _models(
        "wrong-key",
        "The list of models, with a key that no target knows.",
        headers=(("authorization", f"Bearer {WRONG_KEY}"), ("x-api-key", None)),
        suite="full",
    ),
)
