"""Judge populations of a load in tests."""

import msgspec

from conformance import catalogue
from conformance.apis.load_samples import population_of
from conformance.deciding import outcome_of
from conformance.model.sample import Population
from conformance.model.verdict import Status

RULES = {rule.id: rule for rule in catalogue.rules() if rule.is_of_populations}
PASS, FAIL, UNTESTABLE, MOOT = Status.PASS, Status.FAIL, Status.UNTESTABLE, Status.NOT_APPLICABLE


def judged(rule, population):
    if not isinstance(population, Population):
        population = population_of(population)
    found = outcome_of(RULES[rule], {"population": population})
    assert found.status is not Status.ERROR, found.message
    return found


def status(rule, *exchanges):
    return judged(rule, exchanges).status


def changed(exchanges, **facts):
    """The population of these exchanges, with other facts in each sample under load."""
    given = population_of(exchanges)
    samples = (msgspec.structs.replace(s, **(facts if s.phase == "load" else {})) for s in given.samples)
    return Population(tuple(samples), given.shapes)
