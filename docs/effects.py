"""What the planted defects show, for the grouping of failures by cause: `conformance/report/effects.json`."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from conformance import catalogue
from conformance.handbook.affected_clients import outcomes
from conformance.testbed.gateway import changes as gateway_changes
from conformance.testbed.mutations import changes

TESTS = Path(__file__).parents[1] / "tests"


def as_json() -> str:
    """The defects that fail several rules, and by rule the outcomes of the clients that its fault affects."""
    clients = {rule.id: outcomes(rule.id) for rule in catalogue.rules()}
    by_rule = ",\n".join(f"{json.dumps(rule)}: {json.dumps(found)}" for rule, found in clients.items() if found)
    by_defect = ",\n".join(json.dumps(defect) for defect in _defects())
    return f'{{"defects": [\n{by_defect}\n],\n"clients": {{\n{by_rule}\n}}}}\n'


def _defects() -> Iterator[dict[str, object]]:
    matrix = json.loads((TESTS / "kill_matrix.json").read_text())
    of_gateways = json.loads((TESTS / "gateway" / "kill_matrix.json").read_text())
    for change in changes.defects():
        yield from _defect(change.name, change.caught_by, matrix.get(change.name, {}).values())
    for planted in gateway_changes.defects():
        yield from _defect(planted.name, planted.caught_by, [of_gateways.get(planted.name, {})])


def _defect(name: str, rule: str, rows: Iterable[dict[str, list[str]]]) -> Iterator[dict[str, object]]:
    """A defect, if it fails other rules than the one that must catch it."""
    fails = sorted({rule, *(failed for row in rows for level in row.values() for failed in level)})
    if len(fails) > 1:
        yield {"name": name, "rule": rule, "fails": fails}
