"""Numbers with their nouns."""


def numbered(number: int, noun: str) -> str:
    """A number and its noun: `1 request`, `2 requests`."""
    return f"{number} {noun}" + ("s" if number != 1 else "")
