"""Generate coverage.md from coverage.toml: known bugs, requirements of the references, and the rules for both."""

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from conformance import catalogue
from conformance.handbook.rule_page import marked

Entry = dict[str, Any]
DATA: dict[str, Any] = tomllib.loads((Path(__file__).parent / "coverage.toml").read_text())


def coverage() -> str:
    """The coverage page."""
    return "\n".join((*_opening(), *_bugs(), *_norms(), *_measured()))


def _opening() -> Iterator[str]:
    bugs, norms = DATA["bug"], DATA["norm"]
    yield from (
        "# Coverage",
        "",
        "Generated from [coverage.toml](coverage.toml) and the catalogue: `make docs`.",
        "",
    )
    gateways = sum(is_of_a_gateway(bug) for bug in bugs)
    yield f"- {len(bugs)} bugs of other projects ({gateways} of gateways), with links to the reports: {_counts(bugs)}."
    yield f"- {len(norms)} requirements of the references on servers and gateways of these APIs: {_counts(norms)}."
    yield "  Requirements on clients, caches and other proxies are omitted, except a few that are mistaken for these."
    named = {rule for entry in bugs for rule in entry.get("rules", ())}
    rest = [rule.id for rule in catalogue.rules() if rule.id not in named]
    yield f"- {len(rest)} rules are based on a specification or a measurement, not on a known bug: {_links(rest)}."
    waiting = [entry["id"] for entry in bugs if "awaits" in entry]
    if waiting:
        yield f"- {len(waiting)} bugs have no rule yet: {', '.join(waiting)}."
    yield ""


def is_of_a_gateway(bug: Entry) -> bool:
    """Whether the bug is one of a gateway, judged on both of its sides."""
    return bool(DATA["groups"][bug["id"][:2]].startswith("Gateways: "))


def _counts(entries: Iterable[Entry]) -> str:
    listed = list(entries)
    judged = sum("rules" in entry for entry in listed)
    waiting = sum("awaits" in entry and "rules" not in entry for entry in listed)
    return (
        f"{judged} judged, {waiting} without a rule yet, {len(listed) - judged - waiting} not judged, with the reason"
    )


def _bugs() -> Iterator[str]:
    yield from ("## Bugs", "")
    for prefix, title in DATA["groups"].items():
        yield from (
            f"### {title}",
            "",
            "| bug | behaviour | judged by | planted defects | reported in |",
            "|---|---|---|---|---|",
        )
        for bug in DATA["bug"]:
            if bug["id"].startswith(prefix):
                yield _row(bug["id"], marked(bug["name"]), _judged(bug), _names(bug.get("defects", ())), _seen(bug))
        yield ""


def _norms() -> Iterator[str]:
    yield from ("## References", "")
    for document in DATA["document"]:
        yield from (
            f"### {document['title']}",
            "",
            "| section | level | requirement | judged by |",
            "|---|---|---|---|",
        )
        for norm in DATA["norm"]:
            if norm["of"] == document["key"]:
                place = norm.get("where", "")
                where = f"[{place.strip('#').removeprefix('section-') or 'page'}]({document['address']}{place})"
                yield _row(where, norm["level"], marked(norm["says"]), _judged(norm))
        yield ""


def _measured() -> Iterator[str]:
    yield from ("## Measured client behaviour", "", "| client behaviour | judged by |", "|---|---|")
    yield from (_row(marked(entry["says"]), _links(entry["rules"])) for entry in DATA["measured"])
    yield ""


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _judged(entry: Entry) -> str:
    """The rules, or the reason for none, or the family of the planned one; then variants and notes."""
    awaits = f"**no rule yet** ({entry['awaits']})" if "awaits" in entry else ""
    legal = f"legal: {_names(entry['variants'])}" if "variants" in entry else ""
    parts = (_links(entry.get("rules", ())), awaits, marked(entry.get("why", "")), legal, marked(entry.get("note", "")))
    return "; ".join(part for part in parts if part)


def _links(rules: Iterable[str]) -> str:
    return ", ".join(f"[{rule}](rules/{rule}.md)" for rule in rules)


def _names(names: Iterable[str]) -> str:
    return ", ".join(f"`{name}`" for name in names)


def _seen(bug: Entry) -> str:
    """The threads, as links, and what the bug was measured with."""
    threads = (thread.rpartition("#") for thread in bug.get("seen", ()))
    links = [
        f"[{repository.rpartition('/')[2]}#{n}](https://github.com/{repository}/issues/{n})"
        for repository, _, n in threads
    ]
    return ", ".join((*links, *([f"measured: {marked(bug['measured'])}"] if "measured" in bug else [])))
