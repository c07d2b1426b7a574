"""Generate pages from the catalogue and the responses of the embedded deployments.

`python docs/generate.py` writes them; `--check` lists those that differ and exits 1.
"""

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import effects
from coverage_page import coverage

from conformance import catalogue
from conformance.fuzz.openapi import document
from conformance.handbook import listing
from conformance.handbook.rule_page import NOT_ALONE, NOT_SIMULATED, Page, as_markdown, marked, page
from conformance.model.verdict import Level
from conformance.rules.families import FAMILIES
from conformance.testbed.gateway import changes as gateway_changes
from conformance.testbed.gateway.handling import GatewayChange
from conformance.testbed.mutations import changes
from conformance.testbed.server.deployments import DEPLOYMENTS

HERE = Path(__file__).parent

PROFILES = (
    "A profile is the baseline request of one framework to one API, captured from the real framework in these",
    "versions, streaming and non-streaming: headers and body in the original order. Select profiles with",
    "`--profile NAME` (repeatable) or `--profile all`; the default is `claude-sdk`, `hermes`, `langgraph` and `letta`.",
    "",
)
PROBES = (
    "A probe is one request with a purpose. `suite` is the smallest suite that sends it: `gate` includes `smoke`, and",
    "`full` includes `gate`; `fields` is a suite of its own. `modes` are `stream` (with `stream: true`) and `unary`",
    "(non-streaming). A probe is sent as each selected framework, or once as the API's own SDK. Equal requests are",
    "sent once. A probe that is sent through a gateway belongs to `conformance gateway` alone: the gateway's upstream",
    "is the harness, too, and responds as the probe's script says; `conformance list scripts` lists its own scripts.",
    "",
)
EMBEDDED = (
    "The harness contains a server that it is tested with. Use it to try the harness, or to see a defect:",
    "",
    "    conformance serve --deployment NAME [--defect NAME]    # serve it, for curl",
    "    conformance run --deployment NAME [--defect NAME]      # serve it, and run the gate",
    "",
    "`--defect` accepts defects and legal variants; `conformance explain NAME` shows one.",
    "",
)
GATEWAY = (
    "The harness contains a gateway with which its rules about gateways are tested, and the upstream of it. The",
    "gateway changes nothing, but for one planted defect or legal variant at a time:",
    "",
    "    conformance gateway --deployment transparent           # the gate through the gateway that changes nothing",
    "    conformance gateway --defect NAME [--api NAME]         # with a planted defect, or a legal variant",
    "    conformance selftest --gateway                         # all of them, and whether the rules find them",
    "    conformance upstream --port N                          # the upstream alone, for curl, or any gateway",
    "",
    "`conformance explain NAME` shows one of them. Some variants are legal only if the gateway's owner says so: their",
    "policy is that of a targets file.",
    "",
)


NOT_SIMULATED_BECAUSE = {NOT_SIMULATED: "on both sides of a gateway", NOT_ALONE: "under load"}
"""Why a rule's effect on clients is not simulated, and what it is about."""


def rules() -> dict[str, str]:
    """One page per rule, and their index."""
    shown = [page(rule) for rule in catalogue.rules()]
    return {"rules/README.md": "\n".join(index(shown)), **{f"rules/{one.id}.md": as_markdown(one) for one in shown}}


def index(pages: list[Page]) -> Iterator[str]:
    """The lines of the rule index: by family, by level, and by affected client."""
    yield from (
        "# The rules",
        "",
        "Generated from the catalogue: `make docs`. Each page states the requirement, its reason, the fix,",
        "examples and the affected clients; `conformance explain ID` prints it.",
        "",
        "A failed MUST makes a run fail (exit code 1), a failed SHOULD only with `--strict`, a failed MAY never.",
        "",
    )
    views = ("By family", "By level", "By affected client")
    links = (f"[{view.lower()}](#{view.lower().replace(' ', '-')})" for view in views)
    yield f"{len(pages)} rules: {', '.join(links)}."
    yield from ("", "## By family", "")
    for family in _families(pages):
        of_family = [shown for shown in pages if shown.family == family]
        yield from (f"### {family}", "", f"{_sentence(FAMILIES[family])}: {len(of_family)} rules.", "")
        yield from ("| rule | level | requirement | affects |", "|---|---|---|---|")
        for shown in of_family:
            affected = ", ".join(dict.fromkeys(effect.profile for effect in shown.effects)) or _not_simulated(shown)
            yield f"| {_link(shown)} | {shown.level} | {marked(shown.title)} | {affected} |"
        yield ""
    yield from ("## By level", "")
    for level in Level:
        of_level = [shown for shown in pages if shown.level is level]
        yield from (f"**{level}** ({len(of_level)}): {', '.join(map(_link, of_level))}", "")
    yield from (
        "## By affected client",
        "",
        "Computed: each client is simulated on the responses of the planted defects; see",
        "[client accuracy](../client-accuracy.md).",
        "",
    )
    clients = dict.fromkeys(effect.client for shown in pages for effect in shown.effects)
    for client in sorted(clients):
        failing = [shown for shown in pages if any(effect.client == client for effect in shown.effects)]
        yield from (f"**{client}** ({len(failing)}): {', '.join(map(_link, failing))}", "")
    unseen = [shown for shown in pages if not shown.effects and not _not_simulated(shown)]
    yield from (f"**No client in a plain turn** ({len(unseen)}): {', '.join(map(_link, unseen))}", "")
    for why, words in NOT_SIMULATED_BECAUSE.items():
        if of_these := [shown for shown in pages if shown.no_effect == why]:
            yield from (f"**Not simulated, {words}** ({len(of_these)}): {', '.join(map(_link, of_these))}", "")


def _not_simulated(shown: Page) -> str:
    """What the index says of a rule whose effect on clients is not simulated; else empty."""
    return "not simulated" if shown.no_effect in NOT_SIMULATED_BECAUSE else ""


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _families(pages: list[Page]) -> list[str]:
    present = {shown.family for shown in pages}
    return [family for family in FAMILIES if family in present]


def _link(shown: Page) -> str:
    return f"[{shown.id}]({shown.id}.md)"


def questions() -> str:
    """The page of profiles and probes."""
    lines = [
        "# Profiles and probes",
        "",
        "Generated from the catalogue: `make docs`.",
        "",
        "## Profiles",
        "",
        *PROFILES,
    ]
    lines += ["| profile | API | client | versions | captured |", "|---|---|---|---|---|"]
    lines += [f"| `{p.name}` | {p.api} | {p.title} | {p.versions} | {p.captured} |" for p in catalogue.profiles()]
    lines += ["", "## Probes", "", *PROBES, "| probe | suite | modes | sent by | purpose |", "|---|---|---|---|---|"]
    for p in catalogue.probes():
        who = "each framework" if p.sent_by == "framework" else "the API's SDK"
        who += ", through a gateway" if p.script else ""
        lines.append(f"| `{p.name}` | {p.smallest_suite} | {', '.join(p.modes)} | {who} | {_cell(p.purpose)} |")
    return "\n".join([*lines, ""])


def reference() -> str:
    """The page of deployments, defects and variants."""
    lines = ["# The embedded server", "", "Generated from the catalogue: `make docs`.", ""]
    lines += EMBEDDED
    lines += ["## Deployments", "", "| name | description |", "|---|---|"]
    lines += [f"| `{d.name}` | {_cell(d.title)} |" for d in DEPLOYMENTS.values()]
    lines += [
        "",
        f"## Defects ({len(changes.defects())})",
        "",
        "The self-test checks that the rule in the last column fails on the defect.",
        "",
        "| name | deployment | defect | caught by |",
        "|---|---|---|---|",
    ]
    lines += [f"| `{c.name}` | {c.on} | {_cell(c.title)} | {c.caught_by} |" for c in changes.defects()]
    lines += [
        "",
        f"## Legal variants ({len(changes.variants())})",
        "",
        "The self-test checks that no rule fails on a variant.",
        "",
        "| name | unusual but legal behaviour |",
        "|---|---|",
    ]
    lines += [f"| `{c.name}` | {_cell(c.title)} |" for c in changes.variants()]
    lines += _under_load()
    return "\n".join([*lines, ""])


def _under_load() -> list[str]:
    """What shows only while several requests are in progress."""
    defects, variants = changes.load_defects(), changes.load_variants()
    lines = ["", f"## Under load: defects ({len(defects)})", ""]
    lines += [
        "They show only while several requests are in progress: `conformance load --deployment native-sse",
        "--defect NAME` finds them.",
        "",
    ]
    lines += ["| name | defect | caught by |", "|---|---|---|"]
    lines += [f"| `{c.name}` | {_cell(c.title)} | {c.caught_by} |" for c in defects]
    lines += ["", f"## Under load: legal variants ({len(variants)})", "", "No rule fails a MUST on them.", ""]
    lines += ["| name | unusual but legal behaviour |", "|---|---|"]
    return lines + [f"| `{c.name}` | {_cell(c.title)} |" for c in variants]


def gateways() -> str:
    """The page of the embedded gateway: its defects and variants, and the scripts of its upstream."""
    defects, variants = gateway_changes.defects(), gateway_changes.variants()
    lines = ["# The embedded gateway", "", "Generated from the catalogue: `make docs`.", "", *GATEWAY]
    lines += [f"## Defects ({len(defects)})", "", "The rule in the last column fails on the defect.", ""]
    lines += ["| name | APIs | defect | caught by |", "|---|---|---|---|"]
    lines += [f"| `{c.name}` | {', '.join(c.apis)} | {_cell(c.title)} | {c.caught_by} |" for c in defects]
    lines += ["", f"## Legal variants ({len(variants)})", "", "No rule fails on a variant, under its policy.", ""]
    lines += ["| name | what a gateway may do | policy |", "|---|---|---|"]
    lines += [f"| `{c.name}` | {_cell(c.title)} | {_policy(c)} |" for c in variants]
    own = list(listing.scripts())
    lines += ["", f"## Scripts of the upstream ({len(own)})", ""]
    lines += [
        "Each defect and legal variant of [the embedded server](embedded-server.md) is a script, too, by its name.",
        "",
    ]
    lines += ["| name | what the upstream does | probes |", "|---|---|---|"]
    lines += [f"| `{one.name}` | {_cell(one.line)} | {len(one.facts['probes'])} |" for one in own]
    return "\n".join([*lines, ""])


def _policy(change: GatewayChange) -> str:
    return f"`{words}`" if (words := listing.policy_words(change)) else ""


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


PAGES = {
    "coverage.md": coverage,
    "profiles-and-probes.md": questions,
    "embedded-server.md": reference,
    "embedded-gateway.md": gateways,
    "../conformance/report/effects.json": effects.as_json,
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
