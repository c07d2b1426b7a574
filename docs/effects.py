"""What the planted defects show, for the grouping of failures by cause: `conformance/report/effects.json`."""

import json
from collections.abc import Iterator
from pathlib import Path

from conformance import catalogue
from conformance.handbook.affected_clients import outcomes
from conformance.testbed.mutations import changes

MATRIX = Path(__file__).parents[1] / "tests" / "kill_matrix.json"


def as_json() -> str:
    """The defects that fail several rules, and by rule the outcomes of the clients that its fault affects."""
    clients = {rule.id: outcomes(rule.id) for rule in catalogue.rules()}
    by_rule = ",\n".join(f"{json.dumps(rule)}: {json.dumps(found)}" for rule, found in clients.items() if found)
    by_defect = ",\n".join(json.dumps(defect) for defect in _defects())
    return f'{{"defects": [\n{by_defect}\n],\n"clients": {{\n{by_rule}\n}}}}\n'


def _defects() -> Iterator[dict[str, object]]:
    matrix = json.loads(MATRIX.read_text())
    for change in changes.defects():
        rows = matrix.get(change.name, {}).values()
        fails = sorted({change.caught_by, *(rule for row in rows for level in row.values() for rule in level)})
        if len(fails) > 1:
            yield {"name": change.name, "rule": change.caught_by, "fails": fails}
