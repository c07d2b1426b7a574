"""Write the generated pages from the catalogue and from what the embedded deployments answer.

`python docs/generate.py` writes them; `--check` says which differ and exits 1.
"""

import json
import sys
from collections.abc import Iterator
from html import escape
from pathlib import Path

from coverage_page import coverage

from conformance import catalogue
from conformance.fuzz.openapi import document
from conformance.impact import Impact
from conformance.reference import changes
from conformance.reference.deployments import DEPLOYMENTS
from conformance.report.page import Page, as_markdown, marked, page
from conformance.rules.families import FAMILIES
from conformance.selftest import inspect
from conformance.target import Policy, Prices
from conformance.verdict import Level

HERE = Path(__file__).parent


def rules() -> dict[str, str]:
    """A page a rule, and their index."""
    shown = [page(rule) for rule in catalogue.rules()]
    return {"rules/README.md": "\n".join(index(shown)), **{f"rules/{one.id}.md": as_markdown(one) for one in shown}}


def index(pages: list[Page]) -> Iterator[str]:
    """The index of the rules, line by line: by family, by level, and by whom they hurt."""
    yield from (
        "# The rules",
        "",
        "Generated from the catalogue: `make docs`. `conformance explain ID` shows a page.",
        "",
    )
    views = ("By family", "By level", "By whom they hurt")
    links = (f"[{view.lower()}](#{view.lower().replace(' ', '-')})" for view in views)
    yield f"{len(pages)} rules: {', '.join(links)}."
    yield from ("", "## By family", "")
    for family in _families(pages):
        of_family = [shown for shown in pages if shown.family == family]
        yield from (f"### {family}", "", f"{FAMILIES[family].capitalize()}: {len(of_family)} rules.", "")
        yield from ("| rule | level | what is required | hurts |", "|---|---|---|---|")
        for shown in of_family:
            hurt = ", ".join(dict.fromkeys(harm.profile for harm in shown.harms))
            yield f"| {_link(shown)} | {shown.level} | {marked(shown.title)} | {hurt} |"
        yield ""
    yield from ("## By level", "")
    for level in Level:
        of_level = [shown for shown in pages if shown.level is level]
        yield from (f"**{level}** ({len(of_level)}): {', '.join(map(_link, of_level))}", "")
    yield from (
        "## By whom they hurt",
        "",
        "Computed: what each client would make of the planted defects' answers.",
        "",
    )
    clients = dict.fromkeys(harm.client for shown in pages for harm in shown.harms)
    for client in sorted(clients):
        hurting = [shown for shown in pages if any(harm.client == client for harm in shown.harms)]
        yield from (f"**{client}** ({len(hurting)}): {', '.join(map(_link, hurting))}", "")
    unseen = [shown for shown in pages if not shown.harms]
    yield from (f"**Nobody in a plain turn** ({len(unseen)}): {', '.join(map(_link, unseen))}", "")


def _families(pages: list[Page]) -> list[str]:
    present = {shown.family for shown in pages}
    return [family for family in FAMILIES if family in present]


def _link(shown: Page) -> str:
    return f"[{shown.id}]({shown.id}.md)"


def questions() -> str:
    """The page of profiles and probes."""
    lines = ["# Who asks, and what", "", "Generated from the catalogue: `make docs`.", "", "## Profiles", ""]
    lines += ["| profile | API | stands for | versions | captured |", "|---|---|---|---|---|"]
    lines += [f"| `{p.name}` | {p.api} | {p.title} | {p.versions} | {p.captured} |" for p in catalogue.profiles()]
    lines += ["", "## Probes", "", "| probe | suite | modes | asked by | purpose |", "|---|---|---|---|---|"]
    for p in catalogue.probes():
        who = "each framework" if p.asker == "framework" else "the API's SDK"
        lines.append(f"| `{p.name}` | {p.suite} | {', '.join(p.modes)} | {who} | {_cell(p.purpose)} |")
    return "\n".join([*lines, ""])


def reference() -> str:
    """The page of deployments, defects and variants."""
    lines = ["# The embedded server", "", "Generated from the catalogue: `make docs`.", ""]
    lines += ["    conformance serve --deployment NAME [--defect NAME]    # to look at it with curl", ""]
    lines += ["## Deployments", "", "| name | what it is |", "|---|---|"]
    lines += [f"| `{d.name}` | {_cell(d.title)} |" for d in DEPLOYMENTS.values()]
    lines += [
        "",
        f"## Defects ({len(changes.defects())})",
        "",
        "| name | on | the lie | caught by |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{c.name}` | {c.on} | {_cell(c.title)} | {c.caught_by} |" for c in changes.defects()]
    lines += [
        "",
        f"## Legal variants ({len(changes.variants())})",
        "",
        "| name | what is unusual, and legal |",
        "|---|---|",
    ]
    lines += [f"| `{c.name}` | {_cell(c.title)} |" for c in changes.variants()]
    return "\n".join([*lines, ""])


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


GOOD, PARTLY, BAD = ("#1a7f37", "#ffffff"), ("#9a6700", "#ffffff"), ("#cf222e", "#ffffff")
LEGEND = {GOOD: "delivered", PARTLY: "told, or delivered at extra cost", BAD: "lost, and paid for"}
WORDS = {
    "text": "answer",
    "text+": "answer, and more",
    "partial_text": "half an answer",
    "empty_silent": "nothing",
    "exception": "an error",
    "partial_text+exception": "half, then an error",
    "hang": "a hang",
    "tool_ok": "tool call",
    "tool_bad": "a broken tool call",
}


def matrix() -> str:
    """The picture of the matrix: what each framework's user sees on each embedded deployment, and what it costs."""
    columns: list[str] = []
    grid: dict[str, dict[str, Impact]] = {}
    for name in DEPLOYMENTS:
        judged = inspect(name, None, Policy(), prices=Prices(request=0.018), suite="smoke").judged
        grid[name] = {i.client: i for i in judged.impact if i.mode == "stream"}
        columns += [client for client in grid[name] if client not in columns]
    return _svg(columns, grid)


def _svg(columns: list[str], grid: dict[str, dict[str, Impact]]) -> str:
    cell_width, cell_height, left, top = 150, 54, 130, 56
    width, height = left + cell_width * len(columns) + 10, top + cell_height * len(grid) + 40
    out = [
        (
            f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
            ' font-family="system-ui, sans-serif" font-size="13" role="img"'
            ' aria-label="What each framework delivers on each deployment">'
        ),
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for x, client in enumerate(columns):
        at = left + x * cell_width + cell_width // 2
        for line, part in enumerate(client.removesuffix(")").split(" (")):
            style = f'font-weight="{400 if line else 600}" font-size="{11 if line else 13}"'
            y = 26 + line * 17
            out.append(f'<text x="{at}" y="{y}" text-anchor="middle" {style} fill="#1f2328">{escape(part)}</text>')
    for y, (deployment, cells) in enumerate(grid.items()):
        at = top + y * cell_height
        out.append(f'<text x="12" y="{at + 31}" font-weight="600" fill="#1f2328">{escape(deployment)}</text>')
        for x, client in enumerate(columns):
            out += _svg_cell(cells.get(client), left + x * cell_width, at, cell_width, cell_height)
    at = left + 3
    for (fill, _), words in LEGEND.items():
        y = height - 26
        out.append(f'<rect x="{at}" y="{y}" width="14" height="14" rx="3" fill="{fill}"/>')
        out.append(f'<text x="{at + 20}" y="{y + 12}" font-size="12" fill="#1f2328">{words}</text>')
        at += 40 + 7 * len(words)
    return "\n".join([*out, "</svg>", ""])


def _svg_cell(impact: Impact | None, x: int, y: int, width: int, height: int) -> Iterator[str]:
    if impact is None:
        return
    told = impact.outcome in ("text", "text+") or (impact.outcome == "exception" and not impact.billed)
    fill, ink = GOOD if impact.delivered and impact.requests == 1 else PARTLY if told else BAD
    requests = f"{impact.requests} request{'s' if impact.requests > 1 else ''}, {impact.billed} billed"
    middle = x + width // 2
    yield f'<rect x="{x + 3}" y="{y + 3}" width="{width - 6}" height="{height - 6}" rx="6" fill="{fill}"/>'
    word = WORDS[impact.outcome]
    yield f'<text x="{middle}" y="{y + 24}" text-anchor="middle" fill="{ink}" font-weight="600">{word}</text>'
    yield f'<text x="{middle}" y="{y + 41}" text-anchor="middle" fill="{ink}" font-size="11">{requests}</text>'


PAGES = {
    "coverage.md": coverage,
    "questions.md": questions,
    "reference.md": reference,
    "matrix.svg": matrix,
    "../schemas/openapi.json": lambda: json.dumps(document(), indent=2) + "\n",
}


def pages() -> dict[str, str]:
    """Every generated file, by its path in this folder."""
    return {name: write() for name, write in PAGES.items()} | rules()


def main(*, check: bool) -> int:
    """Write every page and remove those of rules that are gone, or say which differ."""
    wanted = pages()
    stale = {name for name, text in wanted.items() if not (HERE / name).exists() or (HERE / name).read_text() != text}
    gone = {f"rules/{path.name}" for path in (HERE / "rules").glob("*")} - set(wanted)
    for name in sorted(stale | gone):
        if check:
            print(f"docs/{name}: differs from what the catalogue says; run `make docs`")
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
