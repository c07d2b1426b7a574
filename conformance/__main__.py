"""`python -m conformance` runs the command `conformance`."""

import atexit
import gc
import sys

INTERRUPTED = 130
GARBAGE_AFTER = 500_000
"""Allocations per garbage collection: the catalogue and a gate run keep 140,000 small objects, and few cycles."""


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
    """Stop the garbage collector from scanning the catalogue repeatedly, and once more before the process ends."""
    gc.freeze()
    atexit.register(gc.freeze)
    gc.set_threshold(GARBAGE_AFTER, 20, 20)


if __name__ == "__main__":
    main()
