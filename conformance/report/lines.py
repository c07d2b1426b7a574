"""Terminal output: a label and a text with a hanging indent."""

from typing import Final

from rich.console import Console
from rich.text import Text

LABEL: Final = 20
"""Width of the label column."""
UNLIMITED: Final = 10_000
"""Columns of a table that is not shown on a terminal: each row is one line."""


def print_labelled(out: Console, label: str, text: Text, *, indent: int = LABEL, verbatim: bool = False) -> None:
    """Print a label and a text with a hanging indent; verbatim text is never wrapped."""
    first = Text.assemble(("  " + label.ljust(indent - 2), "dim")) if indent else Text()
    if verbatim or out.soft_wrap:
        out.print(first.append_text(text), soft_wrap=True)
        return
    for number, line in enumerate(text.wrap(out, max(20, out.width - indent), overflow="fold")):
        out.print((Text(" " * indent) if number else first).append_text(line), soft_wrap=True)
