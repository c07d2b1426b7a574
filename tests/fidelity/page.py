"""Write docs/client-accuracy.md: the predictions compared with the behaviour of the real clients."""

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace

from environments import CACHE, CHECKOUT, ENVIRONMENTS, LEFT_OUT
from generated.known import UNCERTAIN

PAGE = CHECKOUT / "docs/client-accuracy.md"
KEPT = CACHE / "measured"

RACE = "a race: text is shown a tenth of a second after it arrives, and an error before that hides it"
TABBED = "Node's parser does not recognize a transfer coding followed by a tab, and reads until the connection ends"
CUT_BEFORE = (
    "a byte order mark at the start of a read is dropped, so the outcome depends on how the stream is split into reads"
)
WHOLE_CALL = "a tool call that is complete in its first chunk is made without its message: observed, not modelled"
BEFORE_THE_ERROR = "whether the text before the error is shown depends on how far the agent had got"
INTRODUCTION = """\
# Client accuracy

Reports predict what each framework's user would see, and how many requests the framework would send. The
predictions come from simulated clients (`conformance/clients/`); this page compares them with the real clients.

`make fidelity` runs the real clients against the embedded deployments, the planted changes and the measured
behaviours, and compares the outcome and the number of requests with the prediction. A cell is one client in one
scene and mode. Clients that take seconds per message get only the most important scenes. Retries that take
longer than the test count as `hang`. `make fidelity-quick` does the same for openai, anthropic and LangGraph in a
minute.
"""
REASONS = {
    ("Letta 0.11", "sse-proxy"): WHOLE_CALL,
    ("Letta 0.11", "chunk-delta-null"): BEFORE_THE_ERROR,
    ("*", "head-in-odd-dress"): TABBED,
    ("*", "bom-in-every-event"): CUT_BEFORE,
}
"""Why a prediction is wrong, by client (`*`: any) and scene."""
RACING = {"exception", "partial_text+exception"}


def reason(cell):
    """Why a prediction is wrong, or "" if not known."""
    if cell.client.startswith("Pydantic AI") and {cell.seen[0], cell.predicted[0]} == RACING:
        return RACE
    places = ((cell.client, cell.scene), ("*", cell.scene), (cell.client, "*"))
    return next((REASONS[place] for place in places if place in REASONS), UNCERTAIN if cell.uncertain else "")


def keep(environment, cells, versions, *, missing=""):
    """Store an environment's results until the page is written."""
    kept = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "versions": versions, "missing": missing}
    told = [asdict(cell) | {"agrees": cell.agrees} for cell in cells]
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{environment.name}.json").write_text(json.dumps(kept | {"cells": told}))


def write():
    """Write the page from all stored results."""
    kept = {e.name: json.loads(path.read_text()) for e in ENVIRONMENTS if (path := KEPT / f"{e.name}.json").exists()}
    PAGE.write_text("\n".join(_lines(kept)) + "\n")


def _lines(kept):
    cells = [cell for told in kept.values() for cell in told["cells"]]
    agree = sum(cell["agrees"] for cell in cells)
    known = sum(not cell["agrees"] and bool(reason(SimpleNamespace(**cell))) for cell in cells)
    yield INTRODUCTION
    share = 100 * agree / max(1, len(cells))
    yield f"{agree} of {len(cells)} cells agree ({share:.1f} %). Of the others, {known} have a known reason."
    yield ""
    yield "| client | cells | agree |"
    yield "|---|---|---|"
    total, good = Counter(c["client"] for c in cells), Counter(c["client"] for c in cells if c["agrees"])
    yield from (f"| {client} | {count} | {good[client]} |" for client, count in total.items())
    yield ""
    yield "## Differences"
    yield ""
    yield "Observed and predicted are OUTCOME/REQUESTS: `exception/3` is an error after three requests."
    yield ""
    yield "| client | scene | mode | observed | predicted | reason |"
    yield "|---|---|---|---|---|---|"
    yield from (_difference(cell) for cell in cells if not cell["agrees"])
    yield ""
    yield "## Versions"
    yield ""
    for name, told in kept.items():
        listed = ", ".join(f"{package} {version}" for package, version in told["versions"].items())
        absent = f"not measured: it could not be installed here ({told['missing']})"
        yield f"- {name}, {told['date']}: {listed or absent}"
    yield from (f"- {name}: not measured: {why}" for name, why in LEFT_OUT.items())


def _difference(cell):
    seen, predicted = ("/".join(map(str, cell[side])) for side in ("seen", "predicted"))
    places = (
        cell["client"],
        cell["scene"],
        cell["mode"],
        seen,
        predicted,
        reason(SimpleNamespace(**cell)) or "unknown",
    )
    return f"| {' | '.join(places)} |"
