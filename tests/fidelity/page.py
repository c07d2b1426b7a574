"""docs/fidelity.md: how far the predictions are from what the real clients did."""

import json
from collections import Counter
from dataclasses import asdict
from datetime import UTC, datetime
from types import SimpleNamespace

from environments import CACHE, CHECKOUT, ENVIRONMENTS, LEFT_OUT

PAGE = CHECKOUT / "docs/fidelity.md"
KEPT = CACHE / "measured"

RACE = "a race: text is shown a tenth of a second after it came, and an error before that hides it"
HALVED = "the object holds what came of its values, and can't be told from a whole one"
TABBED = "Node's parser knows no coding with a tab behind it, and reads on until the connection ends"
CUT_BEFORE = "a byte order mark is dropped where a read begins with it, so it depends on where the stream is cut"
WHOLE_CALL = "a call that comes whole in its first chunk is made without its message: seen, and not modelled"
BEFORE_THE_ERROR = "what was said before the error is shown or not, by how far the agent had come"
REASONS = {
    ("Letta 0.11", "sse-proxy"): WHOLE_CALL,
    ("Letta 0.11", "chunk-delta-null"): BEFORE_THE_ERROR,
    ("*", "head-in-odd-dress"): TABBED,
    ("*", "bom-in-every-event"): CUT_BEFORE,
    **{
        ("Instructor 1.17", f"sse_trunc_{how}"): HALVED
        for how in ("event_boundary", "mid_event_clean", "close_framing")
    },
}
"""Why a prediction differs, by client (`*`: any) and scene."""
RACING = {"exception", "partial_text+exception"}


def reason(cell):
    """Why a prediction differs, where that is known."""
    if cell.client.startswith("Pydantic AI") and {cell.seen[0], cell.predicted[0]} == RACING:
        return RACE
    places = ((cell.client, cell.scene), ("*", cell.scene), (cell.client, "*"))
    return next((REASONS[place] for place in places if place in REASONS), "")


def keep(environment, cells, versions, *, missing=""):
    """Keep what was measured of an environment until the page is written."""
    kept = {"date": f"{datetime.now(UTC):%Y-%m-%d}", "versions": versions, "missing": missing}
    told = [asdict(cell) | {"agrees": cell.agrees} for cell in cells]
    KEPT.mkdir(parents=True, exist_ok=True)
    (KEPT / f"{environment.name}.json").write_text(json.dumps(kept | {"cells": told}))


def write():
    """Write the page of all that is kept."""
    kept = {e.name: json.loads(path.read_text()) for e in ENVIRONMENTS if (path := KEPT / f"{e.name}.json").exists()}
    PAGE.write_text("\n".join(_lines(kept)) + "\n")


def _lines(kept):
    cells = [cell for told in kept.values() for cell in told["cells"]]
    agree = sum(cell["agrees"] for cell in cells)
    known = sum(not cell["agrees"] and bool(reason(SimpleNamespace(**cell))) for cell in cells)
    yield "# Fidelity"
    yield ""
    yield "`make fidelity` runs the real clients over the reference deployments, the planted changes and the measured"
    yield "behaviours, and compares what happened (the outcome and the number of requests) with what was predicted."
    yield "A client that takes seconds a message is played the scenes that matter most. Retries that take longer than"
    yield "the test are a hang. `make fidelity-quick` does the same for openai, anthropic and LangGraph in a minute."
    yield ""
    share = 100 * agree / max(1, len(cells))
    yield f"{agree} of {len(cells)} cells agree ({share:.1f} %); of the others {known} have a known reason."
    yield ""
    yield "| client | cells | agree |"
    yield "|---|---|---|"
    total, good = Counter(c["client"] for c in cells), Counter(c["client"] for c in cells if c["agrees"])
    yield from (f"| {client} | {count} | {good[client]} |" for client, count in total.items())
    yield ""
    yield "## Where they differ"
    yield ""
    yield "| client | scene | mode | happened | predicted | why |"
    yield "|---|---|---|---|---|---|"
    yield from (_difference(cell) for cell in cells if not cell["agrees"])
    yield ""
    yield "## Versions"
    yield ""
    for name, told in kept.items():
        listed = ", ".join(f"{package} {version}" for package, version in told["versions"].items())
        absent = f"not measured, it could not be installed here ({told['missing']})"
        yield f"- {name}, {told['date']}: {listed or absent}"
    yield from (f"- {name}: not measured, {why}" for name, why in LEFT_OUT.items())


def _difference(cell):
    seen, predicted = ("/".join(map(str, cell[side])) for side in ("seen", "predicted"))
    places = (
        cell["client"],
        cell["scene"],
        cell["mode"],
        seen,
        predicted,
        reason(SimpleNamespace(**cell)) or "not known",
    )
    return f"| {' | '.join(places)} |"
