"""One fuzz run on one target: baseline requests, fuzzing, and storing the failures as a run."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from conformance.apis.specs import spec
from conformance.fuzz import from_openapi, openapi
from conformance.fuzz.cases import Strategy, fixed, kinds
from conformance.fuzz.fuzzer import Cases, Fuzzer
from conformance.fuzz.session import Session, opened
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Request
from conformance.model.run import RunManifest
from conformance.model.words import Api
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import NOT_JSON, parse_json
from conformance.parsing.json_values import as_object
from conformance.runner import Progress, RunOptions, Store

ReportLine = Callable[[str], None]


def fuzz_run(
    options: RunOptions,
    store: Store,
    progress: Progress,
    *,
    examples: int,
    seed: int,
    kept: Path,
    report: ReportLine,
) -> RunManifest:
    """Fuzz every API of the target, store the baseline and the failing exchanges, and return the run's facts.

    `kept` is the folder of failures of earlier runs. Ctrl-C ends the run early: failures found so far are stored.
    """
    began = time.monotonic()
    with opened(options, progress) as session:
        session.send_preflight()
        stopped, why = session.mistake
        if not stopped:
            session.send_baselines()
        progress.total(examples * len(session.baselines))
        fuzzers = {api: _fuzzer(session, api, options.max_tokens) for api in session.baselines}
        try:
            for api, fuzzer in fuzzers.items() if not stopped else ():
                _fuzz_api(session, api, fuzzer, Bounds(examples, seed, kept), report)
        except KeyboardInterrupt:
            stopped, why = "interrupted", "stopped by the user"
        found = [error.exchange for fuzzer in fuzzers.values() for error in fuzzer.failures.values()]
        exchanges = [*session.preflight, *(x for baselines in session.baselines.values() for x in baselines), *found]
        for x in exchanges:
            store.write(x)
        facts = session.facts(
            tuple(x.id for x in exchanges),
            seed=seed,
            duration_s=round(time.monotonic() - began, 3),
            stopped=stopped,
            stopped_why=why,
        )
    store.write_facts(facts)
    return facts


class Bounds(NamedTuple):
    """Number of cases, random seed, and the folder for failing cases."""

    examples: int
    seed: int
    kept: Path


def _fuzzer(session: Session, api: Api, max_tokens: int | None) -> Fuzzer:
    return Fuzzer(lambda case: session.send_case(api, case), lambda x: session.judge(api, x), max_tokens)


def _fuzz_api(session: Session, api: Api, fuzzer: Fuzzer, bounds: Bounds, report: ReportLine) -> None:
    """Fuzz one API; skip it if its baseline requests fail."""
    if not all(reply(x).status == 200 for x in session.baselines[api]):
        report(f"{api}: the baseline request failed, so the API is not fuzzed")
        return
    model = session.target.model
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in session.target.name)
    own = kinds(api, model) | from_openapi.kinds(openapi.document(), spec(api).path, api, model)
    found = _published_document(session, api)
    mistyped = from_openapi.mistyped(*found, api, model) if found else []
    drawn = own | _published_kinds(*found, api, model) if found else own
    cases = Cases(mistyped, fixed(api, model), drawn)
    fuzzer.run(cases, bounds.examples, bounds.seed, bounds.kept / f"{name}-{api}.json")
    report(f"{api}: {len(fuzzer.exchanges)} cases sent, {len(fuzzer.failures)} kinds of failure found")


def _published_document(session: Session, api: Api) -> tuple[Any, str] | None:
    """The target's own OpenAPI document and the API's path in it, or None if it publishes none for this API."""
    root = session.target.base_url.rstrip("/")
    for url in dict.fromkeys((f"{root}/openapi.json", f"{root.removesuffix('/v1')}/openapi.json")):
        case = CaseId(api, spec(api).base_profile, "unary", Kind.API_DOCUMENT)
        x = session.send(Request(id="document", cases=(case,), method="GET", url=url, headers=(), body=b""))
        document = parse_json(reply(x).content)
        path = next((p for p in as_object(as_object(document).get("paths")) if p.endswith(spec(api).path)), None)
        if document is not NOT_JSON and path is not None and reply(x).status == 200:
            return document, path
    return None


def _published_kinds(document: Any, path: str, api: Api, model: str) -> dict[str, Strategy]:
    try:
        return from_openapi.kinds(document, path, api, model, "their-own-")
    except Exception:  # noqa: BLE001 - an invalid document must not stop the run
        return {}
