"""Documentation URLs of Completions."""

from typing import Final

from conformance.model.words import Api

OBJECT: Final = "https://platform.openai.com/docs/api-reference/completions/object"
CREATE: Final = "https://platform.openai.com/docs/api-reference/completions/create"
COMPLETIONS: Final[tuple[Api, ...]] = ("completions",)
