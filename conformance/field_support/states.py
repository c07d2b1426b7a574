"""The states of a request field, and the evidence for one."""

from typing import Literal, NamedTuple

State = Literal["honoured", "validated", "refused", "announced", "dropped", "unknown"]
WORST_FIRST: tuple[State, ...] = ("dropped", "announced", "refused", "honoured", "validated", "unknown")


class FieldEvidence(NamedTuple):
    """The observed state of a field, and the reason as a clause.

    `is_present`: the evidence is something that the response has, and that a truncated response shows as well.
    """

    state: State
    why: str = ""
    is_present: bool = False


def merge(one: State, other: State) -> State:
    """The state of a field that was probed twice: the worst one seen; less evidence adds nothing."""
    return min(one, other, key=WORST_FIRST.index)
