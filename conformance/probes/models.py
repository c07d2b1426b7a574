"""GET /models: the list, the tested model, and an unknown one."""

from collections.abc import Iterator

from conformance.model.case import Kind
from conformance.model.probe import Probe, RawRequest
from conformance.model.profile import WRONG_KEY
from conformance.model.words import APIS, Api, Suite
from conformance.probes.baseline import BESIDE_CHAT

MODELS = "/models"
WRONG = (("authorization", f"Bearer {WRONG_KEY}"), ("x-api-key", None))


def _models(
    api: Api,
    about: str,
    purpose: str,
    path: str = MODELS,
    headers: tuple[tuple[str, str | None], ...] = (),
    suite: Suite = "full",
) -> Probe:
    raw = RawRequest(method="GET", path=path, headers=(("content-type", None), *headers))
    return Probe(
        api=api,
        kind=Kind.MODELS,
        subject=about,
        purpose=purpose,
        modes=("unary",),
        raw=raw,
        suite=suite,
        max_tokens=1,
    )


def _list(api: Api) -> Iterator[Probe]:
    listed = "The list of models, which setup wizards and agents request at startup."
    yield _models(api, "list", listed, suite="gate")
    yield _models(api, "one", "The tested model, by name.", f"{MODELS}/{{model}}")
    yield _models(api, "unknown", "A model that does not exist, by name.", f"{MODELS}/no-such-model-of-anyone")
    yield _models(api, "wrong-key", "The list of models, with a wrong key.", headers=WRONG)


LIST = tuple(probe for api in APIS if api not in BESIDE_CHAT for probe in _list(api))
