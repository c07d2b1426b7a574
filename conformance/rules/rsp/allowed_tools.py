"""The subset of its tools that a request allows to be called."""

from collections.abc import Iterator
from typing import Any, Final

from conformance.apis.chat import span_of
from conformance.apis.responses import final_calls, terminal_event
from conformance.apis.tools import allowed_names, offered
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, OUT_OF_SCOPE, Finding, NotJudged
from conformance.parsing.json_values import Object, display
from conformance.rules.conditions import all_of, answered_or_rejected, mode_supported, not_rejected_for_other_reasons
from conformance.rules.rsp.conditions import finished
from conformance.rules.rsp.example import CALL, response
from conformance.rules.rsp.shape import response_rule
from conformance.rules.rsp.spec import SPECIFICATION

TOOLS: Final[list[Object]] = [{"type": "function", "name": name, "parameters": {}} for name in ("f", "g")]


def _allowing(*names: str) -> dict[str, Any]:
    """A request with two tools, which allows calls of these."""
    allowed = [{"type": "function", "name": name} for name in names]
    choice = {"type": "allowed_tools", "mode": "auto", "tools": allowed}
    return {"body_fields": {"tools": TOOLS, "tool_choice": choice}, "probe": "responses.tools.allowed"}


def _limited(x: Exchange) -> NotJudged | None:
    """The request allows a part of its tools, and the target accepted that."""
    if allowed_names(x) is None:
        return OUT_OF_SCOPE
    return all_of(mode_supported, not_rejected_for_other_reasons, answered_or_rejected)(x) or finished(x)


@response_rule(
    "RSP060",
    MUST,
    "A call is one of the tools that tool_choice allows",
    spec=f"{SPECIFICATION}#allowed_tools",
    fix="Reject or suppress calls of tools that `allowed_tools` does not list; or reject this type of tool_choice with 400.",
    applies_to=_limited,
    good=[response(**_allowing("g")), response(output=[CALL], **_allowing("f", "g"))],
    bad=[response(output=[CALL], **_allowing("g"))],
)
def call_of_a_forbidden_tool(x: Exchange) -> Iterator[Finding]:
    """Agents keep the list of tools for the prompt cache, and forbid some of them: a tool runs that must not."""
    allowed = allowed_names(x) or frozenset()
    for made in final_calls(x):
        if made.name in offered(x) and made.name not in allowed:
            seen = f"the tool {display(made.name)} is called, which `allowed_tools` does not list"
            yield Finding(seen, at=span_of(x, terminal_event(x)))
