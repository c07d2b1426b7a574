"""Write the generated pages from the catalogue and from what the embedded deployments answer.

`python docs/generate.py` writes them; `--check` says which differ and exits 1.
"""

import sys
import tempfile
from collections.abc import Iterator
from html import escape
from pathlib import Path

from conformance import catalogue
from conformance.impact import Impact
from conformance.reference import changes
from conformance.reference.deployments import DEPLOYMENTS
from conformance.rule import Rule
from conformance.selftest import inspect
from conformance.target import Policy, Prices

HERE = Path(__file__).parent
FAMILIES = {
    "HTTP": "the message that carries it all",
    "SSE": "the framing of event streams",
    "DLV": "delivery in time",
    "CHK": "chat chunks",
    "CMP": "whole chat answers",
    "USE": "usage",
    "TOOL": "tool calls",
    "MSG": "the Messages API's own events and answers",
    "NYI": "streaming that is not implemented",
    "ERR": "errors",
    "FLD": "silent drops",
}


def rules() -> str:
    """The page of rules, by family."""
    lines = [
        "# The rules",
        "",
        "Generated from the catalogue: `make docs`. `conformance explain ID` shows a rule with its octets.",
        "",
    ]
    caught = {change.caught_by: change.name for change in reversed(changes.defects())}
    families = sorted({rule.family for rule in catalogue.rules()}, key=lambda f: [*FAMILIES, f].index(f))
    for family in families:
        of_family = [rule for rule in catalogue.rules() if rule.family == family]
        lines += [f"## {family}: {FAMILIES.get(family, '')} ({len(of_family)})", ""]
        for rule in of_family:
            lines += _rule(rule, caught.get(rule.id, ""))
    return "\n".join(lines)


def _rule(rule: Rule, defect: str) -> Iterator[str]:
    yield f"### {rule.id} {rule.fault}"
    yield ""
    yield f"**{rule.level}** {rule.title}."
    yield ""
    yield rule.why
    yield ""
    yield f"- Fix: {rule.fix}"
    yield f"- Where: {', '.join(rule.apis)}; {' and '.join(rule.modes)}"
    yield f"- Specification: <{rule.spec}>"
    yield f"- See it: `conformance run --defect {defect}`"
    yield ""


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
        with tempfile.TemporaryDirectory() as folder:
            judged = inspect(name, None, Policy(), Path(folder) / "run", prices=Prices(request=0.018), suite="smoke")
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


PAGES = {"rules.md": rules, "questions.md": questions, "reference.md": reference, "matrix.svg": matrix}


def main(*, check: bool) -> int:
    """Write every page, or say which differ."""
    stale = []
    for name, write in PAGES.items():
        path, text = HERE / name, write()
        if not path.exists() or path.read_text() != text:
            stale.append(name)
            if not check:
                path.write_text(text)
    for name in stale:
        print(f"docs/{name}: {'differs from what the catalogue says; run `make docs`' if check else 'written'}")
    return 1 if check and stale else 0


if __name__ == "__main__":
    sys.exit(main(check="--check" in sys.argv[1:]))
