"""The types of the public Python API, as a type checker sees them in a user's program."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TYPED = """
from contextlib import AbstractContextManager
from typing import assert_type

import conformance

report = conformance.run(deployment="native-sse", apis=["chat"], suite="smoke", paths={"chat": "/inference"})
assert_type(report, conformance.Report)
assert_type(report.exit_code, int)
assert_type(report.failures, tuple[conformance.Verdict, ...])
assert_type(report.impact, tuple[conformance.Impact, ...])
assert_type(report.capabilities["chat"]["stream"], str)
assert_type(conformance.serve(), AbstractContextManager[str])
assert_type(conformance.judge("run").to_json(), str)
print([verdict.rule for verdict in report.failures if verdict.level == "MUST" and verdict.status == "fail"])
"""
WRONG = """
import conformance

conformance.run(suite="everything")
conformance.execute()
"""


@pytest.mark.verify
def test_a_typed_program_is_checked(tmp_path):
    pytest.importorskip("mypy")
    for name, text in (("right", TYPED), ("wrong", WRONG)):
        (tmp_path / f"{name}.py").write_text(text)
    command = [sys.executable, "-m", "mypy", "--strict", "right.py", "wrong.py"]
    environ = {**os.environ, "MYPYPATH": str(Path(__file__).parents[1])}
    ran = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert [line.rpartition("[")[2] for line in ran.stdout.splitlines()[:-1]] == ["arg-type]", "attr-defined]"], (
        ran.stdout + ran.stderr
    )
    assert "right.py" not in ran.stdout
