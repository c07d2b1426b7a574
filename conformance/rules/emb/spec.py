"""Specifications of the EMB rules."""

from typing import Final

from conformance.model.words import Api

CREATE: Final = "https://platform.openai.com/docs/api-reference/embeddings/create"
OBJECT: Final = "https://platform.openai.com/docs/api-reference/embeddings/object"
GUIDE: Final = "https://platform.openai.com/docs/guides/embeddings"
ONLY: Final[tuple[Api, ...]] = ("embeddings",)
