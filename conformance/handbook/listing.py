"""The catalogue and the embedded server's configurations, as lists and as pages."""

from collections.abc import Callable, Iterable, Iterator
from difflib import get_close_matches
from typing import Any, Final, NamedTuple

import msgspec

from conformance import catalogue
from conformance.handbook.rule_page import as_lines, command, gateway_command, load_command, page
from conformance.model.probe import Probe
from conformance.model.profile import Profile
from conformance.model.rule import Rule
from conformance.model.words import SUITES
from conformance.rules.families import FAMILIES
from conformance.testbed.gateway import changes as gateway_changes
from conformance.testbed.gateway.handling import NO_CHANGES, GatewayChange
from conformance.testbed.mutations import changes
from conformance.testbed.server.deployments import DEPLOYMENTS, Deployment
from conformance.testbed.server.reply import Mutation
from conformance.testbed.upstream import find as upstream_scripts
from conformance.testbed.upstream.script import Script

THROUGH_GATEWAY: Final = ("smoke", "gate", "full")
"""The suites of a run through a gateway."""

Lines = tuple[tuple[str, str], ...]
"""Pairs of label and text; the first is the title."""


class Entry(NamedTuple):
    """One named item: its line in a list, its facts for JSON, and its page, computed on demand."""

    name: str
    line: str
    facts: dict[str, Any]
    page: Callable[[], Lines]


def rules() -> Iterator[Entry]:
    """The rules, by ID."""
    return map(_rule, catalogue.rules())


def families() -> Iterator[Entry]:
    """The families of rules, by the layer that they are about."""
    return map(_family, FAMILIES)


def profiles() -> Iterator[Entry]:
    """The profiles, by name."""
    return map(_profile, catalogue.profiles())


def probes() -> Iterator[Entry]:
    """The probes, by name."""
    return map(_probe, catalogue.probes())


def deployments() -> Iterator[Entry]:
    """The embedded deployments, the default first."""
    return map(_deployment, DEPLOYMENTS.values())


def defects() -> Iterator[Entry]:
    """The planted defects, by name."""
    return map(_change, changes.defects())


def variants() -> Iterator[Entry]:
    """The legal variants, by name."""
    return map(_change, changes.variants())


def load_defects() -> Iterator[Entry]:
    """The planted defects that show only under load, by name."""
    return map(_load_change, changes.load_defects())


def load_variants() -> Iterator[Entry]:
    """What a server may do under load, by name."""
    return map(_load_change, changes.load_variants())


def gateway_defects() -> Iterator[Entry]:
    """The planted defects of the embedded gateway, by name."""
    return map(_gateway_change, gateway_changes.defects())


def gateway_variants() -> Iterator[Entry]:
    """What a gateway may do, by name."""
    return map(_gateway_change, gateway_changes.variants())


def scripts() -> Iterator[Entry]:
    """The upstream's own scripts, by name."""
    return (_script(script) for _, script in sorted(upstream_scripts.scripts().items()))


KINDS: dict[str, Callable[[], Iterable[Entry]]] = {
    "rules": rules,
    "families": families,
    "profiles": profiles,
    "probes": probes,
    "deployments": deployments,
    "defects": defects,
    "variants": variants,
    "load-defects": load_defects,
    "load-variants": load_variants,
    "gateway-defects": gateway_defects,
    "gateway-variants": gateway_variants,
    "scripts": scripts,
}


def as_text(entries: Iterable[Entry]) -> str:
    """One line per entry: its name and description."""
    listed = list(entries)
    width = max((len(entry.name) for entry in listed), default=0)
    return "".join(f"{entry.name:<{width}}  {entry.line}\n" for entry in listed)


def as_json(entries: Iterable[Entry]) -> str:
    """A JSON array of objects."""
    return msgspec.json.format(msgspec.json.encode([entry.facts for entry in entries]), indent=1).decode() + "\n"


def find(name: str) -> Iterator[Entry]:
    """The entries of that name, of any kind; rules also match by slug (`fault`)."""
    for list_all in KINDS.values():
        for entry in list_all():
            if name and name.lower() in (entry.name.lower(), entry.facts.get("fault", "")):
                yield entry


def suggestions(name: str) -> list[str]:
    """Similar names, as suggestions."""
    known = [entry.name for list_all in KINDS.values() for entry in list_all()]
    by_case = {one.lower(): one for one in known}
    return [by_case[close] for close in get_close_matches(name.lower(), by_case, n=5, cutoff=0.5)]


def _rule(rule: Rule) -> Entry:
    facts = {
        "id": rule.id,
        "level": rule.level.value,
        "title": rule.title,
        "family": rule.family,
        "fault": rule.slug,
        "why": " ".join(rule.rationale.split()),
        "spec": rule.spec,
        "fix": rule.fix,
        "apis": rule.apis,
        "modes": rule.modes,
        "timed": rule.timed,
    }
    return Entry(rule.id, f"{rule.level:<6}  {rule.title}", facts, lambda: tuple(as_lines(page(rule))))


def _family(name: str) -> Entry:
    of_family = [rule for rule in catalogue.rules() if rule.family == name]
    facts = {"name": name, "title": FAMILIES[name], "rules": [rule.id for rule in of_family]}
    of_gateways = any(rule.is_of_gateways for rule in of_family)
    of_load = any(rule.is_of_populations for rule in of_family)
    lines = (
        ("", f"family {name}: {FAMILIES[name]}"),
        *((rule.id, f"{rule.level:<6}  {rule.title}") for rule in of_family),
        ("try", f"conformance {'gateway' if of_gateways else 'load' if of_load else 'run'} --select {name}"),
    )
    return Entry(name, f"{len(of_family):>3} rules  {FAMILIES[name]}", facts, lambda: lines)


def _profile(profile: Profile) -> Entry:
    default = "streams" if profile.streams_by_default else "does not stream"
    mode = next(iter(profile.requests))
    facts = {
        "name": profile.name,
        "title": profile.title,
        "api": profile.api,
        "versions": profile.versions,
        "captured": profile.captured,
        "streams_by_default": profile.streams_by_default,
        "framework": profile.framework,
    }
    lines = (
        ("", f"profile {profile.name}: {profile.title}"),
        ("api", profile.api),
        ("versions", profile.versions),
        ("captured", profile.captured),
        ("default", default),
        ("headers", ", ".join(name for name, _ in profile.headers(mode))),
        ("body", ", ".join(profile.body(mode))),
    )
    return Entry(
        profile.name,
        f"{profile.api:<9}  {profile.title} {profile.versions}; {default} by default",
        facts,
        lambda: lines,
    )


def _probe(probe: Probe) -> Entry:
    sent_by = "every framework" if probe.sent_by == "framework" else "the API's bare SDK"
    suites = [suite for suite in SUITES if probe.modes_in(suite)]
    if probe.script:
        sent_by = "the API's bare SDK, through a gateway only (conformance gateway)"
        suites = [suite for suite in THROUGH_GATEWAY if SUITES.index(probe.suite) <= SUITES.index(suite)]
    facts = {
        "name": probe.name,
        "purpose": probe.purpose,
        "api": probe.api,
        "sent_by": probe.sent_by,
        "modes": probe.modes,
        "suite": probe.smallest_suite,
        "max_tokens": probe.max_tokens,
    }
    lines = (
        ("", f"probe {probe.name}"),
        ("purpose", probe.purpose),
        ("sent by", sent_by),
        ("modes", " and ".join(probe.modes)),
        ("suite", ", ".join(suites)),
        *((("script", f"{probe.script} (what the upstream does)"),) if probe.script else ()),
        ("tokens", f"at most {probe.max_tokens} completion tokens"),
    )
    if probe.script:
        facts["script"] = probe.script
    note = " (through a gateway)" if probe.script else ""
    return Entry(probe.name, probe.purpose + note, facts, lambda: lines)


def _gateway_change(change: GatewayChange) -> Entry:
    kind = "defect" if change.caught_by else "legal variant"
    facts = {"name": change.name, "title": change.title, "apis": change.apis}
    if change.caught_by:
        facts["caught_by"] = change.caught_by
    lines = (
        ("", f"{kind} of the embedded gateway {change.name}: {change.title}"),
        ("apis", ", ".join(change.apis)),
        *((("policy", policy_words(change)),) if change.policy != NO_CHANGES else ()),
        *((("caught by", change.caught_by),) if change.caught_by else ()),
        ("try", gateway_command(change)),
    )
    line = f"{change.caught_by:<7}  {change.title}" if change.caught_by else change.title
    return Entry(change.name, line, facts, lambda: lines)


def policy_words(change: GatewayChange) -> str:
    """What the change's policy allows, by the names of the targets file; empty if nothing."""
    given = msgspec.structs.asdict(change.policy)
    allowed = {name: value for name, value in given.items() if value != getattr(NO_CHANGES, name)}
    return ", ".join(f"{name} = {msgspec.json.encode(value).decode()}" for name, value in allowed.items())


def _script(script: Script) -> Entry:
    probes = [probe.name for probe in catalogue.probes() if probe.script == script.name]
    facts = {"name": script.name, "title": script.title, "probes": probes}
    lines = (
        ("", f"script {script.name} of a gateway's upstream: {script.title}"),
        ("probes", ", ".join(probes) or "none"),
        ("marker", f"a request with `NONCE:{script.name}` in its last user message; `conformance upstream` prints one"),
        ("more", "each defect and legal variant of the embedded server is a script, too, by its name"),
    )
    return Entry(script.name, script.title, facts, lambda: lines)


def _deployment(deployment: Deployment) -> Entry:
    facts = {"name": deployment.name, "title": deployment.title}
    lines = (
        ("", f"deployment {deployment.name}: {deployment.title}"),
        ("try", f"conformance run --deployment {deployment.name}"),
    )
    return Entry(deployment.name, deployment.title, facts, lambda: lines)


def _change(change: Mutation) -> Entry:
    return _changed(change, command(change))


def _load_change(change: Mutation) -> Entry:
    return _changed(change, load_command(change))


def _changed(change: Mutation, tried: str) -> Entry:
    kind = "defect" if change.caught_by else "legal variant"
    facts = {"name": change.name, "title": change.title, "on": change.on}
    if change.caught_by:
        facts["caught_by"] = change.caught_by
    lines = (
        ("", f"{kind} {change.name}: {change.title}"),
        ("on", change.on),
        *((("caught by", f"{change.caught_by}"),) if change.caught_by else ()),
        ("try", tried),
    )
    line = f"{change.caught_by:<7}  {change.title}" if change.caught_by else change.title
    return Entry(change.name, line, facts, lambda: lines)
