"""The fuzz command: record into a run folder, and write the failures as a test."""

import sys
from pathlib import Path

from conformance.cli.progress import Bar
from conformance.fuzz.export_test import as_test
from conformance.fuzz.run import fuzz_run
from conformance.report.formats import terminal
from conformance.runner import RunOptions
from conformance.runs import execute
from conformance.runs.config import ConfigError
from conformance.storage.folder import RunFolder, StoreError

EXAMPLES = ".examples"
TEST = "test_found.py"


def run_fuzz(options: RunOptions, path: Path, *, examples: int, seed: int) -> None:
    """Fuzz, and store the failing exchanges in a run folder, with a test that reproduces them."""
    try:
        folder = RunFolder.create(path)
    except StoreError as error:
        raise ConfigError(f"--run-dir: {error}") from None
    execute.RUNS.mkdir(parents=True, exist_ok=True)
    lines: list[str] = []
    with Bar(terminal.console(sys.stderr)) as bar:
        kept = execute.RUNS / EXAMPLES
        facts = fuzz_run(options, folder, bar, examples=examples, seed=seed, kept=kept, report=lines.append)
    for line in lines:
        print(line, file=sys.stderr)  # noqa: T201 - console output
    if text := as_test(facts, folder.exchange):
        (path / TEST).write_text(text)
        print(f"The failures as a pytest file: {path / TEST}", file=sys.stderr)  # noqa: T201 - as above
