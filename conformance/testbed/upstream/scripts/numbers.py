"""Scripts of responses with numbers that a gateway may lose digits of."""

from dataclasses import replace
from typing import Final

from conformance.testbed.server.reply import ModelResponse, ServerRequest
from conformance.testbed.upstream.script import Script
from conformance.testbed.upstream.scripts.replies import ODD, change

VENDORS: Final = {"x_upstream": {"block": ODD}}


def _with_large_integer(response: ModelResponse, _request: ServerRequest) -> ModelResponse:
    is_object = response.status == 200 and isinstance(response.whole, dict)
    return replace(response, whole=response.whole | VENDORS) if is_object else response


SCRIPTS = (
    Script(
        name="large-integer",
        title="A field of a vendor's holds the first integer that no double holds",
        attempts=((change(_with_large_integer),),),
    ),
)
