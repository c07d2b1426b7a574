"""Write docs/client-fuzzing.md: how often the models agree with the real clients on generated replies."""

import json
from collections import Counter, defaultdict
from datetime import UTC, datetime
from pathlib import Path

from environments import CHECKOUT, ENVIRONMENTS, versions

from .edits import KINDS
from .known import known

PAGE = CHECKOUT / "docs/client-fuzzing.md"
KEPT = Path(__file__).with_name("results")
INTRODUCTION = """\
# Client fuzzing

Reports predict what each framework's user would see. [Client accuracy](client-accuracy.md) compares the predictions
with the real clients in fixed scenes; this page compares them on generated replies: the embedded server's own replies
with one to three edits each, played over loopback.

`make fidelity-fuzz` runs all installed clients and writes this page; `make fidelity-fuzz ARGS="--client openai-3
--examples 500 --seed 7"` runs one. A reply is a function of the seed and its number. A prediction agrees if outcome and
number of requests are as observed, and the text, if any, is the same. Differences are made small, grouped and printed;
`--record` keeps them in `tests/clients/generated.json`, so that the ordinary tests hold the models to them.
"""


class Tally:
    """How many replies a client's model agrees on, in all and by kind of edit, and what it differs on."""

    def __init__(self, client, api):
        self.client, self.api = client, api
        self.count = 0
        self.kinds, self.agreeing = Counter(), Counter()
        self.differences = []

    @property
    def agree(self):
        """The replies that it agrees on."""
        return self.count - len(self.differences)

    def add(self, seed, batch):
        """Count a batch of comparisons."""
        for one in batch:
            self.count += 1
            for kind in set(one.made.kinds):
                self.kinds[kind] += 1
                self.agreeing[kind] += one.agrees
            if not one.agrees:
                told = {"seed": seed, "number": one.number, "mode": one.made.mode, "observed": one.seen}
                self.differences.append(told | {"predicted": one.predicted, "reason": known(one)})

    def result(self, seeds):
        """What is stored of it."""
        by_kind = {kind: [self.kinds[kind], self.agreeing[kind]] for kind in KINDS if self.kinds[kind]}
        told = {name: getattr(self, name) for name in ("api", "count", "agree", "differences")}
        return told | {"seeds": list(seeds), "kinds": by_kind}

    def line(self):
        """One line for people."""
        explained = sum(bool(told["reason"]) for told in self.differences)
        others = f", {explained} of the others have a known reason" if explained else ""
        return f"{self.client}: {self.agree} of {self.count} replies agree ({_share(self.agree, self.count)}){others}"


def keep(environment, tally, seeds):
    """Store a client's result until the page is written; the results of other clients stay."""
    KEPT.mkdir(exist_ok=True)
    path = KEPT / f"{environment.name}.json"
    kept = json.loads(path.read_text()) if path.exists() else {"clients": {}}
    clients = kept["clients"] | {tally.client: tally.result(seeds)}
    told = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "versions": versions(environment), "clients": clients}
    path.write_text(json.dumps(told, indent=1) + "\n")


def write():
    """Write the page from all stored results."""
    kept = {e.name: json.loads(path.read_text()) for e in ENVIRONMENTS if (path := KEPT / f"{e.name}.json").exists()}
    PAGE.write_text("\n".join(lines(kept)) + "\n")


def lines(kept):
    """The lines of the page."""
    clients = {name: result for told in kept.values() for name, result in told["clients"].items()}
    yield INTRODUCTION
    yield "| client | API | seeds | replies | agree | share |"
    yield "|---|---|---|---|---|---|"
    for name, result in clients.items():
        seeds = ", ".join(map(str, result["seeds"]))
        told = (name, result["api"], seeds, result["count"], result["agree"], _share(result["agree"], result["count"]))
        yield f"| {' | '.join(map(str, told))} |"
    yield ""
    yield from _differences(clients)
    yield "## By kind of edit"
    yield ""
    yield "All clients of an API together: replies with such an edit, and the share that agrees."
    yield ""
    apis = sorted({result["api"] for result in clients.values()})
    yield f"| edit | {' | '.join(apis)} |"
    yield "|---" * (len(apis) + 1) + "|"
    for kind in KINDS:
        yield f"| {kind} | {' | '.join(_cell(clients, api, kind) for api in apis)} |"
    yield ""
    yield "## Versions"
    yield ""
    for name, told in kept.items():
        listed = ", ".join(f"{package} {version}" for package, version in told["versions"].items())
        yield f"- {name}, {told['date']}: {listed}"


def _differences(clients):
    yield "## Differences"
    yield ""
    yield "Observed and predicted are OUTCOME/REQUESTS; of a client that hangs, only the outcome is compared. The"
    yield "example is SEED/NUMBER: `--client NAME --seed SEED --only NUMBER` plays it again."
    yield ""
    yield "| client | mode | observed | predicted | replies | example | reason |"
    yield "|---|---|---|---|---|---|---|"
    for name, result in clients.items():
        alike = defaultdict(list)
        for one in result["differences"]:
            sides = ("/".join(map(str, filter(None, one[side]))) for side in ("observed", "predicted"))
            alike[one["mode"], *sides, one["reason"] or "unknown"].append(one)
        for (mode, observed, predicted, reason), ones in alike.items():
            example = f"{ones[0]['seed']}/{ones[0]['number']}"
            yield f"| {' | '.join((name, mode, observed, predicted, str(len(ones)), example, reason))} |"
    yield ""


def _cell(clients, api, kind):
    counts = [result["kinds"].get(kind, [0, 0]) for result in clients.values() if result["api"] == api]
    count, agree = (sum(column) for column in zip(*counts, strict=True))
    return f"{count}: {_share(agree, count)}" if count else ""


def _share(agree, count):
    return f"{100 * agree / max(1, count):.2f} %"
