"""`python -m conformance` is the command `conformance`."""

import gc
import sys

INTERRUPTED = 130
GARBAGE_AFTER = 100_000
"""Objects made, after which Python looks for cycles: loading and judging make many small ones, and hardly a cycle."""


def main() -> None:
    """Run the command; Ctrl-C while it is being loaded ends it as quietly as later."""
    tune()
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # httpx's own command line: slow to load
    try:
        from conformance.cli import main as cli
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    cli.main()


def tune() -> None:
    """Keep the garbage collector from looking through the catalogue again and again."""
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, 20, 20)


if __name__ == "__main__":
    main()
