"""The fuzz case: one request, named after what is unusual about it."""

from dataclasses import dataclass

from conformance.model.case import Kind
from conformance.model.words import Mode


@dataclass(frozen=True, slots=True)
class Case:
    """One request: what is unusual about it (kind, subject and variant of its test case), its mode and its body."""

    kind: Kind
    subject: str
    variant: str
    mode: Mode
    body: bytes

    def __repr__(self) -> str:
        """The name only: a body may have millions of bytes."""
        return f"{'.'.join(filter(None, (self.kind, self.subject, self.variant)))} {self.mode}"
