"""Whether tools are accepted with the schemas that frameworks send, and together with other fields."""

from collections.abc import Iterator
from typing import Any

from conformance.apis.errors import error_response, names_field
from conformance.model.case import Compare, Kind
from conformance.model.exchange import Exchange
from conformance.model.verdict import OUT_OF_SCOPE, SHOULD, Finding, NotJudged, not_applicable
from conformance.rules.conditions import mode_supported, not_rejected_for_other_reasons
from conformance.rules.example import answered, completion, error
from conformance.rules.tool.history import FIRST, refused_beside
from conformance.rules.tool.shape import tool_rule

CREATE = "https://platform.openai.com/docs/api-reference/chat/create"


def _offered(x: Exchange) -> NotJudged | None:
    """The request has a tool whose schema uses many keywords."""
    if x.case.kind is not Kind.TOOLS or x.case.subject != "keywords":
        return OUT_OF_SCOPE
    return mode_supported(x) or not_rejected_for_other_reasons(x)


def _probed(x: Exchange) -> NotJudged | None:
    """The request combines `logprobs` and `tools`."""
    if x.case.kind is not Kind.ACCEPTED_FORM or x.case.subject != "logprobs-beside-tools":
        return OUT_OF_SCOPE
    if skip := not_rejected_for_other_reasons(x):
        return skip
    return not_applicable("the target rejects tool_choice") if names_field(error_response(x), "tool_choice") else None


KEYWORDS: dict[str, Any] = {"probe": "chat.tools.keywords"}
LOGPROBS: dict[str, Any] = {"probe": "chat.form.logprobs-beside-tools"}
ALONE = answered(completion(), probe="chat.witness.logprobs")


@tool_rule(
    "TOOL029",
    SHOULD,
    "Common JSON Schema keywords are accepted in a tool's parameters",
    spec=f"{CREATE}#chat-create-tools",
    fix="Accept $schema, title, const, $ref, propertyNames etc., and remove keywords that the model's engine can't read.",
    applies_to=_offered,
    compares_with={"first": Compare(Kind.TOOLS)},
    good=[(answered(completion(), **KEYWORDS), FIRST)],
    bad=[(answered(error("Unknown name $schema.", param="tools"), status=400, **KEYWORDS), FIRST)],
)
def schema_keyword_refused(x: Exchange, first: Exchange) -> Iterator[Finding | NotJudged]:
    """Schemas are generated, for example by MCP servers: their tools can't be used with this target at all."""
    yield from refused_beside(x, first, what="common JSON Schema keywords in a tool's parameters")


@tool_rule(
    "TOOL030",
    SHOULD,
    "logprobs and tools are accepted together if each is accepted alone",
    spec=f"{CREATE}#chat-create-logprobs",
    fix="Accept both: return logprobs for the tokens of the content, and omit them for tool calls.",
    applies_to=_probed,
    compares_with={"tools": Compare(Kind.TOOLS), "logprobs": Compare(Kind.EFFECT, "logprobs")},
    good=[(answered(completion(), **LOGPROBS), FIRST, ALONE)],
    bad=[(answered(error("No logprobs beside tools."), status=400, **LOGPROBS), FIRST, ALONE)],
)
def logprobs_refused_beside_tools(x: Exchange, tools: Exchange, logprobs: Exchange) -> Iterator[Finding | NotJudged]:
    """Teams that monitor an agent's confidence find out in production that the two can't be combined, or not when streaming."""
    yield from refused_beside(x, tools, logprobs, what="logprobs and tools")
