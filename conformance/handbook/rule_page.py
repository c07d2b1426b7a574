"""The page of a rule: as data, as Markdown for the documentation, and as lines for a terminal."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from conformance import catalogue
from conformance.handbook.affected_clients import Effect, EffectGroup, alike, effects
from conformance.handbook.examples import ShownExample, ShownExchange, examples, parameter_title
from conformance.model.rule import PAIR, POPULATION, Rule
from conformance.model.verdict import Level
from conformance.model.words import CONVERSATIONAL, MODE_WORDS, MODES
from conformance.report.stacks import Advice, advice
from conformance.rules.families import FAMILIES
from conformance.testbed.gateway import changes as gateway_changes
from conformance.testbed.gateway.handling import GatewayChange
from conformance.testbed.mutations import changes
from conformance.testbed.server.reply import Mutation

SPECIALS: Final = str.maketrans({c: f"\\{c}" for c in "\\*_<|[]"})
NO_CLIENT_AFFECTED: Final = (
    "None of the modelled frameworks shows this failure in a plain turn: no user will report it."
)
NOT_SIMULATED: Final = (
    "Not simulated: the client models read the responses of a deployment, and this rule compares both sides of a "
    "gateway. It concerns every client of the gateway."
)
NOT_ALONE: Final = (
    "Not simulated: the client models read one response, and this rule compares those of many users. It concerns every "
    "client of a server that many use at once."
)
MOST_VARIANTS: Final = 12
LATER_ONLY: Final = "All modelled frameworks still deliver the response: the failure only costs time."


class Planted(NamedTuple):
    """A defect that makes the rule fail, and the command that shows it."""

    name: str
    title: str
    command: str


class Page(NamedTuple):
    """The page's data."""

    id: str
    level: Level
    title: str
    family: str
    fault: str
    why: str
    where: str
    spec: str
    fix: str
    advice: tuple[Advice, ...]
    planted: tuple[Planted, ...]
    variants: tuple[Planted, ...]
    effects: tuple[Effect, ...]
    effect_groups: tuple[EffectGroup, ...]
    no_effect: str
    examples: tuple[ShownExample, ...]
    neighbours: tuple[str, ...]


def page(rule: Rule) -> Page:
    """The page of a rule."""
    of_family = (other for other in catalogue.rules() if other.family == rule.family and other.id != rule.id)
    return Page(
        id=rule.id,
        level=rule.level,
        title=rule.title,
        family=rule.family,
        fault=rule.slug,
        why=" ".join(rule.rationale.split()),
        where=_where(rule),
        spec=rule.spec,
        fix=rule.fix,
        advice=advice(rule.id),
        planted=tuple(planted(rule.id)),
        variants=tuple(map(_of_gateway, gateway_changes.variants_near(rule.id))),
        effects=effects(rule.id),
        effect_groups=tuple(alike(effects(rule.id))),
        no_effect=_no_effect(rule),
        examples=tuple(examples(rule)),
        neighbours=tuple(other.id for other in of_family),
    )


def _no_effect(rule: Rule) -> str:
    """Why no client is shown to be affected."""
    if rule.is_of_gateways or rule.is_of_populations:
        return NOT_SIMULATED if rule.is_of_gateways else NOT_ALONE
    return LATER_ONLY if rule.timed else NO_CLIENT_AFFECTED


def _where(rule: Rule) -> str:
    ways = (
        "streaming or non-streaming"
        if set(rule.modes) == set(MODES)
        else " and ".join(MODE_WORDS[mode] for mode in rule.modes)
    )
    given = ("x", *PAIR, "policy", "upstream", *POPULATION)
    compared = [parameter_title(rule, name) for name in rule.parameters if name not in given]
    suffix = f", compared with {' and '.join(dict.fromkeys(compared))}" if compared else ""
    ways = "streaming compared with non-streaming" if "unary" in rule.parameters else ways
    ways += "; both sides of a gateway" if rule.is_of_gateways else ""
    ways += "; all responses of a load test together" if rule.is_of_populations else ""
    return f"{', '.join(rule.apis)}; {ways}{suffix}{', by arrival times' if rule.timed else ''}"


def planted(rule: str) -> Iterator[Planted]:
    """The defects that the rule must catch: of a deployment, alone or under load, or of a gateway."""
    yield from (_planted(change) for change in changes.defects() if change.caught_by == rule)
    yield from (_under_load(change) for change in changes.load_defects() if change.caught_by == rule)
    yield from (_of_gateway(change) for change in gateway_changes.defects() if change.caught_by == rule)


def _of_gateway(change: GatewayChange) -> Planted:
    return Planted(change.name, change.title, gateway_command(change))


def gateway_command(change: GatewayChange) -> str:
    """The command that runs the embedded gateway with a change."""
    apis = "" if change.apis == ("chat",) else "".join(f" --api {api}" for api in change.apis)
    return f"conformance gateway --defect {change.name}{apis}{' --suite full' if change.is_full else ''}"


def _planted(change: Mutation) -> Planted:
    return Planted(change.name, change.title, command(change))


def command(change: Mutation) -> str:
    """The command that runs the suite on a change of an embedded deployment."""
    on = "" if change.on == "native-sse" else f" --deployment {change.on}"
    apis = "" if change.apis == CONVERSATIONAL else "".join(f" --api {api}" for api in change.apis)
    return f"conformance run{on} --defect {change.name}{apis}"


def _under_load(change: Mutation) -> Planted:
    return Planted(change.name, change.title, load_command(change))


def load_command(change: Mutation) -> str:
    """The command that runs users against the embedded deployment with a change."""
    return f"conformance load --deployment {change.on} --defect {change.name} --users 24 --duration 20"


def as_lines(shown: Page) -> Iterator[tuple[str, str]]:
    """The page for a terminal: labels and texts. The first is the title; an empty label continues the previous text."""
    yield "", f"{shown.id} {shown.level}: {shown.title}"
    yield "slug", shown.fault
    yield "why", shown.why
    yield "fix", shown.fix
    for item in shown.advice:
        yield "", f"{item.stack}: {item.text}"
        yield from (("", f"    {line}") for line in item.lines)
    yield "spec", shown.spec
    yield "applies to", shown.where
    for example in shown.examples:
        yield from _example_lines(example)
    yield from _labelled(
        "affected clients",
        [f"{', '.join(group.clients)}: {group.sentence}" for group in shown.effect_groups] or [shown.no_effect],
    )
    yield from _labelled("reproduce", [f"{defect.command}  ({defect.title})" for defect in shown.planted])
    legal = [f"{variant.title}  ({variant.name})" for variant in shown.variants[:MOST_VARIANTS]]
    yield from _labelled("legal", [*legal, *_further(shown)])
    yield "see also", ", ".join(shown.neighbours) or "no other rule in this family"


def _further(shown: Page) -> Iterator[str]:
    """Where the legal variants are that a page has no room for."""
    if more := len(shown.variants) - MOST_VARIANTS:
        yield from (f"and {more} more: `conformance list gateway-variants`",) if more > 0 else ()


def _labelled(label: str, texts: list[str]) -> Iterator[tuple[str, str]]:
    for number, text in enumerate(texts):
        yield ("" if number else label), text


def _example_lines(example: ShownExample) -> Iterator[tuple[str, str]]:
    texts = [text for side in example.sides for text in (*_heading(side), *side.lines)]
    yield from _labelled("good" if example.good else "bad", [*texts, *([f"⇒ {example.says}"] if example.says else [])])


def _heading(side: ShownExchange) -> Iterator[str]:
    words = ", ".join((*([side.title] if side.title else []), *side.notes))
    if words:
        yield f"({words})"


def as_markdown(shown: Page) -> str:
    """The page for the documentation; it links to related rules and to the index."""
    return "\n".join(_markdown(shown))


def _markdown(shown: Page) -> Iterator[str]:
    about = FAMILIES.get(shown.family, "")
    family = f"[{shown.family}](README.md#{shown.family.lower()})"
    yield from (f"# {shown.id} {marked(shown.title)}", "")
    yield from (f"**{shown.level}** · `{shown.fault}` · {family}: {about} · {shown.where}", "")
    yield from (marked(shown.why), "")
    yield from (f"Specification: <{shown.spec}>", "")
    yield from ("## Fix", "", marked(shown.fix), "")
    for item in shown.advice:
        yield from (f"**{item.stack}.** {item.text}", "", "```", *item.lines, "```", "")
    yield from ("## Affected clients", "")
    for group in shown.effect_groups:
        yield f"- **{', '.join(group.clients)}**: {marked(group.sentence)} (`{group.defect}`: {group.turn})"
    if not shown.effect_groups:
        yield shown.no_effect
    yield from ("", "## Reproduce", "")
    for defect in shown.planted:
        yield f"- `{defect.command}`: {marked(defect.title)}"
    yield ""
    if shown.variants:
        yield from (
            "## Legal",
            "",
            "What a gateway may do, by which no rule fails; some of it only if its policy says so.",
            "",
        )
        yield from (f"- {marked(one.title)} (`{one.name}`)" for one in shown.variants[:MOST_VARIANTS])
        yield from (*(f"- {marked(words)}" for words in _further(shown)), "")
    for example in shown.examples:
        yield from _example_markdown(example)
    if shown.neighbours:
        yield from ("## Related rules", "", ", ".join(f"[{other}]({other}.md)" for other in shown.neighbours), "")


def _example_markdown(example: ShownExample) -> Iterator[str]:
    yield from ("### Good" if example.good else f"### Bad: {marked(example.says)}", "")
    for side in example.sides:
        yield from (f"{marked(words)}", "") if (words := ", ".join(_heading(side))) else ()
        yield from ("```text", *side.lines, "```", "")


def marked(text: str) -> str:
    """Escape a text for Markdown; text between backticks stays code."""
    parts = text.split("`")
    if len(parts) % 2 == 0:
        return text.translate(SPECIALS).replace("`", "\\`")
    return "`".join(part if number % 2 else part.translate(SPECIALS) for number, part in enumerate(parts))
