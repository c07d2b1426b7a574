"""How much of a report is printed, and whether in colour."""

from enum import IntEnum
from typing import Literal

Color = Literal["auto", "always", "never"]
"""`auto`: on a terminal, unless the environment variable NO_COLOR is set."""


class Verbosity(IntEnum):
    """How much is printed: the first lines, the usual, or everything."""

    QUIET = 0
    NORMAL = 1
    VERBOSE = 2
