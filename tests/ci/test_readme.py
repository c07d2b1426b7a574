"""The README: its commands run as pasted, and its output is real."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from conformance import catalogue
from conformance.cli import main
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import running

CHECKOUT = Path(__file__).parents[2]
README = (CHECKOUT / "README.md").read_text()
COMMANDS = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
EXIT_CODES = (0, 0, 0, 1, 0, 1, 1)
"""Exit code of each block of commands; the matrix has a target that fails, the gateway and the load a defect."""


@pytest.mark.verify
def test_the_commands_run_as_pasted(tmp_path):
    with running(DEPLOYMENTS["native-sse"]) as url:
        target = {"BASE_URL": url, "MODEL": "reference", "API_KEY": "any", "PYTHONPATH": str(CHECKOUT)}
        env = target | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
        for command, code in zip(COMMANDS, EXIT_CODES, strict=True):
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == code, f"{command}\n{done.stdout}\n{done.stderr}"
    written = {str(path.relative_to(tmp_path / "reports/runs")) for path in tmp_path.glob("reports/runs/**/*")}
    assert {"gate.json", "gate.xml", "site/index.html"} <= written


def test_the_shown_output_is_that_of_the_command_it_names(tmp_path, monkeypatch, capsys):
    """Line by line and in order; `…` replaces omitted parts of a line."""
    monkeypatch.chdir(tmp_path)
    shown = re.search(r"`(conformance run [^`]*)` shows all\):\n\n```text\n(.*?)```", README, re.DOTALL)
    assert main.app(shown[1].split()[1:]) == 1
    printed = iter(capsys.readouterr().out.splitlines())
    for line in filter(None, shown[2].splitlines()):
        pattern = ".*".join(map(re.escape, line.split("…")))
        assert any(re.fullmatch(pattern, real) for real in printed), line


def test_the_number_of_rules_is_right():
    assert f"by {len(catalogue.rules())} rules" in README
