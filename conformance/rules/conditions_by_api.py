"""Conditions for rules on response content, for any API."""

from collections.abc import Callable, Mapping

from conformance.model.exchange import Exchange
from conformance.model.rule import Condition
from conformance.model.verdict import OUT_OF_SCOPE, NotJudged
from conformance.model.words import Api
from conformance.rules.chk import conditions as chk
from conformance.rules.cmp import conditions as cmp
from conformance.rules.msg import conditions as msg
from conformance.rules.rsp import conditions as rsp


def by_api(conditions: Mapping[Api, Condition]) -> Callable[[Exchange], NotJudged | None]:
    """Select the condition by the exchange's API; another API is out of scope."""

    def holds(x: Exchange) -> NotJudged | None:
        condition = conditions.get(x.api)
        return condition(x) if condition else OUT_OF_SCOPE

    return holds


def _by_mode(stream: Condition, unary: Condition) -> Condition:
    def holds(x: Exchange) -> NotJudged | None:
        return stream(x) if x.mode == "stream" else unary(x)

    return holds


with_choices = _by_mode(chk.chunked, cmp.completed)
has_content = by_api(
    {
        "chat": with_choices,
        "messages": msg.has_content,
        "responses": rsp.has_content,
        "completions": with_choices,
    }
)
"""Response content was received, in either mode."""

with_distinct_choices = _by_mode(chk.has_valid_indexes, cmp.choosing)
has_distinct_choices = by_api(
    {
        "chat": with_distinct_choices,
        "messages": msg.has_indexed_blocks,
        "responses": rsp.has_indexed_items,
        "completions": with_distinct_choices,
    }
)
"""Response content was received, in either mode, with distinguishable choices or blocks."""

with_finished_choices = _by_mode(chk.finished, cmp.choosing)
finished = by_api(
    {
        "chat": with_finished_choices,
        "messages": msg.finished,
        "responses": rsp.finished,
        "completions": with_finished_choices,
    }
)
"""As `has_distinct_choices`, and the content is complete."""
