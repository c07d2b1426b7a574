"""`python -m conformance` is the command `conformance`."""

import sys

INTERRUPTED = 130


def main() -> None:
    """Run the command; Ctrl-C while it is being loaded ends it as quietly as later."""
    try:
        from conformance import cli  # noqa: PLC0415 - loading it is what may be interrupted
    except KeyboardInterrupt:
        sys.exit(INTERRUPTED)
    cli.main()


if __name__ == "__main__":
    main()
