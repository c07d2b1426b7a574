"""Conditions for rules on response content, for any API."""

from collections.abc import Callable, Mapping

from conformance.model.exchange import Exchange
from conformance.model.rule import Condition
from conformance.model.verdict import NotJudged
from conformance.model.words import Api
from conformance.rules.chk import conditions as chk
from conformance.rules.cmp import conditions as cmp
from conformance.rules.msg import conditions as msg
from conformance.rules.rsp import conditions as rsp


def by_api(conditions: Mapping[Api, Condition]) -> Callable[[Exchange], NotJudged | None]:
    """Select the condition by the exchange's API."""

    def holds(x: Exchange) -> NotJudged | None:
        return conditions[x.api](x)

    return holds


def _by_mode(stream: Condition, unary: Condition) -> Condition:
    def holds(x: Exchange) -> NotJudged | None:
        return stream(x) if x.mode == "stream" else unary(x)

    return holds


has_content = by_api(
    {"chat": _by_mode(chk.chunked, cmp.completed), "messages": msg.has_content, "responses": rsp.has_content}
)
"""Response content was received, in either mode."""

has_distinct_choices = by_api(
    {
        "chat": _by_mode(chk.has_valid_indexes, cmp.choosing),
        "messages": msg.has_indexed_blocks,
        "responses": rsp.has_indexed_items,
    }
)
"""Response content was received, in either mode, with distinguishable choices or blocks."""

finished = by_api({"chat": _by_mode(chk.finished, cmp.choosing), "messages": msg.finished, "responses": rsp.finished})
"""As `has_distinct_choices`, and the content is complete."""
