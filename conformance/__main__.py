"""`python -m conformance` runs the command `conformance`."""

import gc
import sys

INTERRUPTED = 130
GARBAGE_AFTER = 100_000
"""Allocations per garbage collection: loading and judging allocate many small objects and few cycles."""


def main() -> None:
    """Run the command; Ctrl-C during import exits without a traceback, too."""
    tune()
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type] # httpx's command line: slow to import
    try:
        from conformance.cli import main as cli
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    cli.main()


def tune() -> None:
    """Stop the garbage collector from scanning the catalogue repeatedly."""
    gc.freeze()
    gc.set_threshold(GARBAGE_AFTER, 20, 20)


if __name__ == "__main__":
    main()
