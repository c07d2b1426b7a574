"""The hunt as a command: bounds, the run's folder, and a test of what was found."""

import sys
from pathlib import Path

from conformance.cli.progress import Bar
from conformance.fuzz.export_test import as_test
from conformance.fuzz.session import hunt
from conformance.report.formats import terminal
from conformance.runner import Options
from conformance.runs import execute
from conformance.runs.config import ConfigError
from conformance.storage.folder import RunFolder, StoreError

EXAMPLES = ".examples"
TEST = "test_found.py"


def carry_out(options: Options, path: Path, *, examples: int, seed: int) -> None:
    """Hunt, and keep what failed in a run's folder, with a test for it."""
    try:
        folder = RunFolder.create(path)
    except StoreError as error:
        raise ConfigError(f"--run-dir: {error}") from None
    execute.RUNS.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with Bar(terminal.console(sys.stderr)) as bar:
        kept = execute.RUNS / EXAMPLES
        facts = hunt(options, folder, bar, examples=examples, seed=seed, kept=kept, tell=lines.append)
    for line in lines:
        print(line, file=sys.stderr)  # noqa: T201 - a command speaks to its user
    if text := as_test(facts, folder.exchange):
        (path / TEST).write_text(text)
        print(f"To keep what was found as a test: {path / TEST}", file=sys.stderr)  # noqa: T201 - as above
