"""Generate pages from the catalogue and the responses of the embedded deployments.

`python docs/generate.py` writes them; `--check` lists those that differ and exits 1.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

from coverage_page import coverage

from conformance import catalogue
from conformance.fuzz.openapi import document
from conformance.handbook.rule_page import Page, as_markdown, marked, page
from conformance.model.verdict import Level
from conformance.rules.families import FAMILIES
from conformance.testbed.mutations import changes
from conformance.testbed.server.deployments import DEPLOYMENTS

HERE = Path(__file__).parent


def rules() -> dict[str, str]:
    """One page per rule, and their index."""
    shown = [page(rule) for rule in catalogue.rules()]
    return {"rules/README.md": "\n".join(index(shown)), **{f"rules/{one.id}.md": as_markdown(one) for one in shown}}


def index(pages: list[Page]) -> Iterator[str]:
    """The lines of the rule index: by family, by level, and by affected client."""
    yield from (
        "# The rules",
        "",
        "Generated from the catalogue: `make docs`. `conformance explain ID` shows a page.",
        "",
    )
    views = ("By family", "By level", "By affected client")
    links = (f"[{view.lower()}](#{view.lower().replace(' ', '-')})" for view in views)
    yield f"{len(pages)} rules: {', '.join(links)}."
    yield from ("", "## By family", "")
    for family in _families(pages):
        of_family = [shown for shown in pages if shown.family == family]
        yield from (f"### {family}", "", f"{FAMILIES[family].capitalize()}: {len(of_family)} rules.", "")
        yield from ("| rule | level | requirement | affects |", "|---|---|---|---|")
        for shown in of_family:
            hurt = ", ".join(dict.fromkeys(harm.profile for harm in shown.harms))
            yield f"| {_link(shown)} | {shown.level} | {marked(shown.title)} | {hurt} |"
        yield ""
    yield from ("## By level", "")
    for level in Level:
        of_level = [shown for shown in pages if shown.level is level]
        yield from (f"**{level}** ({len(of_level)}): {', '.join(map(_link, of_level))}", "")
    yield from (
        "## By affected client",
        "",
        "Computed: each client is simulated on the responses of the planted defects.",
        "",
    )
    clients = dict.fromkeys(harm.client for shown in pages for harm in shown.harms)
    for client in sorted(clients):
        hurting = [shown for shown in pages if any(harm.client == client for harm in shown.harms)]
        yield from (f"**{client}** ({len(hurting)}): {', '.join(map(_link, hurting))}", "")
    unseen = [shown for shown in pages if not shown.harms]
    yield from (f"**No client in a plain turn** ({len(unseen)}): {', '.join(map(_link, unseen))}", "")


def _families(pages: list[Page]) -> list[str]:
    present = {shown.family for shown in pages}
    return [family for family in FAMILIES if family in present]


def _link(shown: Page) -> str:
    return f"[{shown.id}]({shown.id}.md)"


def questions() -> str:
    """The page of profiles and probes."""
    lines = ["# Profiles and probes", "", "Generated from the catalogue: `make docs`.", "", "## Profiles", ""]
    lines += ["| profile | API | client | versions | captured |", "|---|---|---|---|---|"]
    lines += [f"| `{p.name}` | {p.api} | {p.title} | {p.versions} | {p.captured} |" for p in catalogue.profiles()]
    lines += ["", "## Probes", "", "| probe | suite | modes | sent by | purpose |", "|---|---|---|---|---|"]
    for p in catalogue.probes():
        who = "each framework" if p.asker == "framework" else "the API's SDK"
        lines.append(f"| `{p.name}` | {p.smallest_suite} | {', '.join(p.modes)} | {who} | {_cell(p.purpose)} |")
    return "\n".join([*lines, ""])


def reference() -> str:
    """The page of deployments, defects and variants."""
    lines = ["# The embedded server", "", "Generated from the catalogue: `make docs`.", ""]
    lines += ["    conformance serve --deployment NAME [--defect NAME]    # to try it with curl", ""]
    lines += ["## Deployments", "", "| name | description |", "|---|---|"]
    lines += [f"| `{d.name}` | {_cell(d.title)} |" for d in DEPLOYMENTS.values()]
    lines += [
        "",
        f"## Defects ({len(changes.defects())})",
        "",
        "| name | deployment | defect | caught by |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{c.name}` | {c.on} | {_cell(c.title)} | {c.caught_by} |" for c in changes.defects()]
    lines += [
        "",
        f"## Legal variants ({len(changes.variants())})",
        "",
        "| name | unusual but legal behaviour |",
        "|---|---|",
    ]
    lines += [f"| `{c.name}` | {_cell(c.title)} |" for c in changes.variants()]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES = {
    "coverage.md": coverage,
    "questions.md": questions,
    "reference.md": reference,
    "../schemas/openapi.json": lambda: json.dumps(document(), indent=2) + "\n",
}


def pages() -> dict[str, str]:
    """Every generated file, by its path relative to this folder."""
    return {name: write() for name, write in PAGES.items()} | rules()


def main(*, check: bool) -> int:
    """Write every page and remove those of deleted rules, or list those that differ."""
    wanted = pages()
    stale = {name for name, text in wanted.items() if not (HERE / name).exists() or (HERE / name).read_text() != text}
    gone = {f"rules/{path.name}" for path in (HERE / "rules").glob("*")} - set(wanted)
    for name in sorted(stale | gone):
        if check:
            print(f"docs/{name}: differs from the catalogue; run `make docs`")
        elif name in gone:
            (HERE / name).unlink()
            print(f"docs/{name}: removed")
        else:
            (HERE / name).parent.mkdir(exist_ok=True)
            (HERE / name).write_text(wanted[name])
            print(f"docs/{name}: written")
    return 1 if check and (stale or gone) else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
