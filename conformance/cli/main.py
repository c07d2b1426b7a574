"""The entry point of the command line, and its exit codes."""

import sys
from collections.abc import Callable, Sequence
from io import TextIOWrapper
from typing import Any

from cyclopts import CycloptsError, MissingArgumentError, UnusedCliTokensError

from conformance.cli.app import app
from conformance.cli.commands import catalogue, gateway, load, proxy, recording, run, serve, setup
from conformance.cli.output import outlasting_its_reader
from conformance.model.words import ExitCode

__all__ = ["app", "exit_code_of", "main"]
COMMANDS = (run, gateway, load, recording, catalogue, serve, proxy, setup)
"""The modules whose commands are part of the app, by being imported."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command and exit with its code."""
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, TextIOWrapper):
        sys.stdout = outlasting_its_reader(sys.stdout)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):  # escape what the terminal cannot encode
            stream.reconfigure(errors="backslashreplace")
    sys.exit(exit_code_of(lambda: app(arguments)))


def exit_code_of(command: Callable[[], Any]) -> int:
    """Run a command and return its exit code; errors go to standard error."""
    from conformance.runs.config import ConfigError

    try:
        return command() or ExitCode.CONFORMANT
    except CycloptsError as error:
        sys.stderr.write(f"conformance: {_misuse(error)}" + "\n")
        return ExitCode.USAGE
    except ConfigError as error:
        sys.stderr.write(f"conformance: {error}" + "\n")
        return ExitCode.USAGE
    except KeyboardInterrupt:
        sys.stderr.write("conformance: interrupted" + "\n")
        return ExitCode.INTERRUPTED
    except Exception as error:  # noqa: BLE001 - a harness error has its own exit code
        return _report_crash(error)


def _misuse(error: CycloptsError) -> str:
    """What is wrong with the words of a command, and how to see what it takes."""
    unused = error.unused_tokens if isinstance(error, UnusedCliTokensError) else None
    missing = error.argument.name if isinstance(error, MissingArgumentError) and error.argument else ""
    if unused:
        fault = f"Not understood: {' '.join(unused)}."
    elif missing:
        fault = f"{missing} needs a value, and none is given." if missing.startswith("-") else f"{missing} is missing."
    else:
        fault = str(error)
    command = " ".join(("conformance", *(error.command_chain or ())))
    return f"{fault} `{command} --help` shows what is accepted."


def _report_crash(error: Exception) -> int:
    import tempfile
    import traceback

    with tempfile.NamedTemporaryFile("w", prefix="conformance-", suffix=".txt", delete=False) as file:
        traceback.print_exception(error, file=file)
    sys.stderr.write(f"conformance: harness error: {type(error).__name__}: {error}" + "\n")
    sys.stderr.write(f"conformance: the traceback is in {file.name}; please report it with the command line" + "\n")
    return ExitCode.HARNESS_ERROR
