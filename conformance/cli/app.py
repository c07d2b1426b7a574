"""The app of the command line, to which `commands/` adds the commands."""

from dataclasses import replace

from cyclopts import App, Parameter

from conformance import __version__
from conformance.runs.options import (
    LimitOptions,
    OutputOptions,
    SelectionOptions,
    ShapeOptions,
    SpreadOptions,
    TargetOptions,
    VerdictOptions,
)

EXIT_CODES = (
    "Exit codes: 0 conformant; 1 a MUST failed (with --strict or --fail-on also a SHOULD failure, an untestable "
    "verdict or a stale waiver); 2 usage or configuration error; 3 target not tested: unreachable, or a wrong URL, "
    "model or key; 4 harness error; 130 interrupted."
)


def examples(*commands: str) -> str:
    """The end of a command's help: commands to copy, and where the exit codes are."""
    lines = "\n".join(f"    {command}" for command in commands)
    return f"Examples:\n\n{lines}\n\nExit codes: conformance --help"


app = App(
    name="conformance",
    help="Send real agent frameworks' requests to an OpenAI-compatible endpoint, and check every byte it returns.",
    help_epilogue=EXIT_CODES,
    version=__version__,
    help_format="plaintext",
    default_parameter=Parameter(negative="", show_default=False),
    result_action="return_value",
    exit_on_error=False,
    print_error=False,
    suppress_keyboard_interrupt=False,
)

NO_TARGET, NO_SELECTION, NO_LIMITS = TargetOptions(), SelectionOptions(), LimitOptions()
NO_SHAPE, NO_SPREAD = ShapeOptions(), SpreadOptions()
NO_VERDICT, NO_OUTPUT = VerdictOptions(), OutputOptions()
"""Option groups with nothing set."""


def above_zero(_kind: type, value: int) -> None:
    """Validate a number. Raises ValueError."""
    if value < 1:
        raise ValueError("Accepted: 1 or more.")


def with_url(target: TargetOptions, url: str | None) -> TargetOptions:
    """The target with the URL that was given without an option. Raises ConfigError."""
    from conformance.runs.config import ConfigError

    if url is None:
        return target
    if target.base_url is not None or target.from_env:
        other = "--from-env" if target.from_env else "--base-url"
        raise ConfigError(f"{other} excludes the URL without an option; accepted: one base URL")
    return replace(target, base_url=url)
