"""`python -m conformance` runs the command `conformance`."""

import atexit
import gc
import sys

INTERRUPTED = 130
GARBAGE_AFTER = 500_000
"""Allocations per garbage collection: the catalogue and a gate run keep 140,000 small objects, and few cycles."""

UNUSED = ("httpx._main", "trio")
"""Slow imports: httpx's command line, and trio, which httpcore imports wherever it is installed; we use asyncio."""


def main() -> None:
    """Run the command; Ctrl-C during import exits without a traceback, too."""
    tune()
    for unused in UNUSED:
        sys.modules.setdefault(unused, None)  # type: ignore[arg-type] # "not installed", for whoever imports it
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
