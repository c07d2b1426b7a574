"""Rule decorators for the Responses API."""

from functools import partial
from typing import Final

from conformance.model.rule import rule

stream_rule: Final = partial(rule, apis=("responses",), modes=("stream",))
"""A rule on the events of a streamed response."""
whole_rule: Final = partial(rule, apis=("responses",), modes=("unary",))
"""A rule on a non-streaming response."""
response_rule: Final = partial(rule, apis=("responses",))
"""A rule on a response in either mode."""
