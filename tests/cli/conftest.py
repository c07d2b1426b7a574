import os
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from conformance.cli import main

CHECKOUT = Path(__file__).parents[2]
ENVIRON = {**os.environ, "PYTHONPATH": str(CHECKOUT), "COLUMNS": "120", "NO_COLOR": "1"}


class Shell:
    """The real command, in a process of its own."""

    def __call__(self, *words, cwd, **environ):
        """Run it to its end."""
        command = [sys.executable, "-m", "conformance", *map(str, words)]
        ran = subprocess.run(command, cwd=cwd, env=ENVIRON | environ, capture_output=True, text=True, check=False)
        return SimpleNamespace(code=ran.returncode, out=ran.stdout, err=ran.stderr, lines=ran.stdout.splitlines())

    def start(self, *words, cwd):
        """Start it, so that it can be interrupted: the tests' parent process may ignore that signal."""
        signal.signal(signal.SIGINT, signal.default_int_handler)
        command = [sys.executable, "-m", "conformance", *map(str, words)]
        return subprocess.Popen(command, cwd=cwd, env=ENVIRON, stdout=subprocess.PIPE, text=True)

    def without_reader(self, *words, cwd):
        """Run it to its end, into a pipe whose reader has left, as `head` does."""
        command = [sys.executable, "-m", "conformance", *map(str, words)]
        read, write = os.pipe()
        os.close(read)
        with os.fdopen(write, "wb") as pipe:
            return subprocess.run(
                command, cwd=cwd, env=ENVIRON, stdout=pipe, stderr=subprocess.PIPE, text=True, check=False
            )

    def pytest(self, *words, cwd):
        """Run pytest with this plugin and pytest-xdist alone, to its end."""
        plugins = ("-p", "conformance.pytest_plugin", "-p", "xdist.plugin", "-p", "no:cacheprovider")
        command = [sys.executable, "-m", "pytest", *plugins, *map(str, words)]
        environ = ENVIRON | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
        ran = subprocess.run(command, cwd=cwd, env=environ, capture_output=True, text=True, check=False)
        return SimpleNamespace(code=ran.returncode, out=ran.stdout, err=ran.stderr, lines=ran.stdout.splitlines())


@pytest.fixture(scope="session")
def shell():
    """The real command."""
    return Shell()


@pytest.fixture(scope="session")
def incident(shell, tmp_path_factory):
    """The incident, recorded once, with everything that the command wrote."""
    folder = tmp_path_factory.mktemp("incident")
    reports = ("--report", "json=report.json", "--report", "junit=junit.xml")
    words = ("--deployment", "silent-json", "--suite", "smoke", "--messages-per-day", 6, "--run-dir", "run")
    ran = shell("run", *words, *reports, cwd=folder)
    ran.folder, ran.run = folder, folder / "run"
    return ran


@pytest.fixture
def command(capsys, tmp_path, monkeypatch):
    """The command in this process, for commands that send nothing."""
    monkeypatch.chdir(tmp_path)

    def call(*words):
        code = main.exit_code_of(lambda: main.app([*map(str, words)]))
        said = capsys.readouterr()
        return code, said.out, said.err

    return call
