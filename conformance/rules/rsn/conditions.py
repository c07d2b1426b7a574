"""Whether a response has reasoning: shown, counted or sealed."""

from conformance.apis.messages import blocks
from conformance.apis.response_content import response_content
from conformance.apis.usage import reasoning_tokens
from conformance.model.exchange import Exchange
from conformance.model.verdict import NotJudged, not_applicable
from conformance.rules.conditions_by_api import finished, has_content

NONE_SEEN = not_applicable("the response has no reasoning")
THOUGHTS = ("thinking", "redacted_thinking")
"""The types of blocks of Messages that hold reasoning."""


def shown(x: Exchange) -> str:
    """The text of the reasoning."""
    return "".join(choice.reasoning for choice in response_content(x).choices)


def has_thoughts(x: Exchange) -> bool:
    """Whether the response shows that the model has reasoned: by a text, a block, or a count."""
    is_sealed = x.api == "messages" and any(block.type in THOUGHTS for block in blocks(x))
    return bool(shown(x) or is_sealed or reasoning_tokens(x))


def shows(x: Exchange) -> NotJudged | None:
    """The response shows the text of its reasoning."""
    return has_content(x) or (None if shown(x) else not_applicable("the response shows no reasoning"))


def reasoned(x: Exchange) -> NotJudged | None:
    """The response is complete, and the model has reasoned."""
    return finished(x) or (None if has_thoughts(x) else NONE_SEEN)
