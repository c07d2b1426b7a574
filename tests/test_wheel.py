"""The wheel: built, installed into an empty environment, and used from there."""

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", out], cwd=ROOT, check=True)
    (built,) = out.glob("*.whl")
    return built


def test_the_wheel_holds_every_schema_and_says_that_it_is_typed(wheel):
    packed = set(zipfile.ZipFile(wheel).namelist())
    schemas = {f"conformance/schemas/{file.name}" for file in (ROOT / "schemas").glob("*.json")}
    assert schemas
    assert {*schemas, "conformance/py.typed"} <= packed
    assert not any(name.startswith(("tests/", "docs/")) for name in packed)


@pytest.mark.verify
def test_the_gate_runs_from_the_wheel_in_an_empty_environment(wheel, tmp_path):
    venv.create(tmp_path / "env", with_pip=True)
    scripts = tmp_path / "env" / "bin"
    install = [scripts / "pip", "install", "-q", "--disable-pip-version-check", "-c", ROOT / "constraints.txt", wheel]
    subprocess.run(install, check=True, cwd=tmp_path)
    report = tmp_path / "report.json"
    command = [scripts / "conformance", "run", "--report", f"json={report}", "--run-dir", tmp_path / "run"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert json.loads(report.read_text())["exit_code"] == 0
    assert (tmp_path / "run" / "run.json").exists()
