"""What the rules on messages share: how one is built."""

from functools import partial
from typing import Final

from conformance.model.rule import rule

stream_rule: Final = partial(rule, apis=("messages",), modes=("stream",))
"""A rule on the events of a streamed message."""
whole_rule: Final = partial(rule, apis=("messages",), modes=("unary",))
"""A rule on a whole message."""
message_rule: Final = partial(rule, apis=("messages",))
"""A rule on a message, whichever way it comes."""
