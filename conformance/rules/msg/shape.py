"""Rule decorators for the Messages API."""

from functools import partial
from typing import Final

from conformance.model.rule import rule

stream_rule: Final = partial(rule, apis=("messages",), modes=("stream",))
"""A rule on the events of a streamed message."""
whole_rule: Final = partial(rule, apis=("messages",), modes=("unary",))
"""A rule on a non-streaming message."""
message_rule: Final = partial(rule, apis=("messages",))
"""A rule on a message in either mode."""
