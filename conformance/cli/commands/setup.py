"""Commands that set up: init and completion."""

import sys
from pathlib import Path
from typing import Literal

from conformance.cli.app import app, examples
from conformance.cli.output import write_new
from conformance.model.words import ExitCode

TEMPLATE = Path(__file__).parents[1] / "conformance.toml"


@app.command(help_epilogue=examples("conformance init", "conformance run --target staging"))
def init(*, out: Path = Path("conformance.toml")) -> int:
    """Write a commented targets file, to be edited; it is found without --config.

    Parameters
    ----------
    out
        New file to write. Default: conformance.toml.
    """
    write_new(out, TEMPLATE.read_text(encoding="utf-8"))
    sys.stdout.write(f"Wrote {out}. Edit it, then: conformance run --target staging\n")
    return ExitCode.CONFORMANT


@app.command(
    help_epilogue=examples(
        'eval "$(conformance completion bash)"',
        "conformance completion zsh > ~/.zfunc/_conformance",
        "conformance completion fish > ~/.config/fish/completions/conformance.fish",
    )
)
def completion(shell: Literal["bash", "zsh", "fish"], /) -> int:
    """Print the completion script of a shell.

    Parameters
    ----------
    shell
        The shell.
    """
    sys.stdout.write(app.generate_completion(shell=shell))
    return ExitCode.CONFORMANT
