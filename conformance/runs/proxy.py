"""Record what passes through the proxy into a run folder, and judge each exchange as it goes.

The event loop only passes bytes on: a thread masks secrets and writes, and another process judges, so that neither
delays a byte.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Future
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from queue import SimpleQueue
from typing import Final

import msgspec

from conformance import catalogue
from conformance.apis.specs import SPECS
from conformance.model.criteria import RuleSelection
from conformance.model.run import Recordings, RunManifest
from conformance.model.target import Target
from conformance.model.verdict import Verdict
from conformance.model.words import APIS, Api
from conformance.recordings.build import PROFILE
from conformance.recordings.entry import Entry
from conformance.recordings.proxied import entry_of
from conformance.run_facts import TOOL, timestamp
from conformance.runs.config import ConfigError
from conformance.runs.recordings import numbered
from conformance.runs.resolve import base_url, check_authorities
from conformance.runs.skipped import SkippedCount
from conformance.side_process import side_process
from conformance.storage.folder import RunFolder
from conformance.traffic import failures
from conformance.transport.accepted import AcceptedExchange
from conformance.transport.proxies import RouteError, Trust
from conformance.transport.upstream import Upstream, upstream

MOST_NAMES: Final = 1000
"""Models that are counted by name."""
MOST_MODELS: Final = 2

OnFailures = Callable[[Sequence[Verdict]], None]
"""Gets the failures of each exchange that has any; not called by the event loop's thread."""


def upstream_target(url: str, cacert: Path | None, *, insecure: bool) -> tuple[Target, Upstream]:
    """The server of a URL as a target, and its address. Raises ConfigError."""
    url = base_url(url, "--upstream")
    if path := next((spec.path for spec in SPECS.values() if url.endswith(spec.path)), ""):
        raise ConfigError(f"--upstream {url}: is the API's own path; accepted: {url.removesuffix(path)}")
    if cacert and insecure:
        raise ConfigError("--insecure excludes --cacert; accepted: one of them")
    trusted = str(cacert) if cacert else None
    if trusted:
        check_authorities(trusted)
    try:
        address = upstream(url, Trust(trusted, insecure))
    except RouteError as error:
        raise ConfigError(f"--upstream {url}: {error}") from None
    return Target(name=address.netloc.decode(), base_url=url, model="", cacert=trusted, insecure=insecure), address


class Recorder:
    """Records the exchanges of a proxy into a run folder, in a thread of its own, until `close`.

    `target.base_url` is the upstream's URL, `host` its host as in Host. `release` is called with the bytes of each
    exchange that is no longer held. If an exchange can't be written, `fault` says why; what came before is kept.
    """

    def __init__(
        self,
        folder: RunFolder,
        *,
        target: Target,
        host: str,
        rules: RuleSelection,
        on_failures: OnFailures,
        release: Callable[[int], None],
    ) -> None:
        self.fault: Exception | None = None
        self.recorded = 0
        self._folder, self._target, self._host = folder, target, host
        self._on_failures, self._release = on_failures, release
        self._began = datetime.now(UTC)
        self._models: set[str] = set()
        self._apis: set[Api] = set()
        self._skipped = SkippedCount()
        self._passed: SimpleQueue[AcceptedExchange | None] = SimpleQueue()
        self._judge = side_process()
        self._rules = rules
        self._judge.submit(_load, rules)  # before the first exchange
        folder.write_facts(self.facts({}))
        self._thread = threading.Thread(target=self._record_all, name="recorder", daemon=True)
        self._thread.start()

    def keep(self, x: AcceptedExchange) -> None:
        """Record an exchange, later, and judge it then."""
        self._passed.put(x)

    def close(self, refused: Mapping[str, int]) -> None:
        """Record what is left, and note what the proxy rejected itself; then the folder is complete."""
        self._passed.put(None)
        self._thread.join()
        self._judge.shutdown(wait=False, cancel_futures=True)
        self._folder.write_facts(self.facts(refused))

    def facts(self, refused: Mapping[str, int]) -> RunManifest:
        """What is known of the recording so far, as recordings are described."""
        models = sorted(filter(None, self._models))
        few = ", ".join(models) if len(models) <= MOST_MODELS else f"{len(models)} models"
        return RunManifest(
            tool=TOOL,
            started=timestamp(self._began),
            duration_s=round((datetime.now(UTC) - self._began).total_seconds(), 3),
            target=msgspec.structs.replace(
                self._target, model=few, apis=tuple(api for api in APIS if api in self._apis)
            ),
            suite="recordings",
            profiles=(PROFILE,),
            stopped_why=_answered(refused),
            recordings=Recordings(files=0, skipped=self._skipped.facts()),
        )

    def _record_all(self) -> None:
        while (x := self._passed.get()) is not None:
            try:
                if self.fault is None:
                    self._record(x)
            except Exception as error:  # noqa: BLE001 - told at the end: the traffic must go on
                self.fault = error
            self._release(x.size)

    def _record(self, x: AcceptedExchange) -> None:
        found = entry_of(x, self._host)
        if not isinstance(found, Entry):
            self._skipped.add(found)
            return
        self.recorded += 1
        exchange = numbered(found, self.recorded)
        if len(self._models) < MOST_NAMES:
            self._models.add(found.model)
        self._apis.add(exchange.api)
        self._folder.write(exchange)
        with suppress(BrokenExecutor):  # the report judges all of them again
            judged = self._judge.submit(_failures, self._folder.path, exchange.id, self._rules)
            judged.add_done_callback(self._tell)

    def _tell(self, judged: "Future[tuple[Verdict, ...]]") -> None:
        with suppress(CancelledError, BrokenExecutor):
            if verdicts := judged.result():
                self._on_failures(verdicts)


def _answered(refused: Mapping[str, int]) -> str:
    """A sentence on what did not reach the upstream, or empty."""
    named = "; ".join(f"{count} × {why}" for why, count in sorted(refused.items(), key=lambda one: -one[1]))
    return f"Responses of the proxy itself: {named}." if named else ""


# In the process that judges


def _load(rules: RuleSelection) -> None:
    """Load the rules."""
    catalogue.selected(rules)


def _failures(folder: Path, name: str, rules: RuleSelection) -> tuple[Verdict, ...]:
    """The failures of a recorded exchange. Raises StoreError."""
    return tuple(failures(RunFolder(folder).exchange(name), catalogue.selected(rules)))
