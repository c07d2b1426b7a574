"""CONTRIBUTING.md: every file, make target and name in it exists."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CODE = dict.fromkeys(re.findall(r"`([^`\n]+)`", (ROOT / "CONTRIBUTING.md").read_text()))
PLACEHOLDERS = re.compile(r"(?<![A-Z])(FAMILY|NAME|ID|ENVIRONMENT|DRIVER)(?![A-Z])")
PATHS = [text for text in CODE if re.fullmatch(r"[\w./*-]+(/|\.(py|md|toml|json|txt|mjs))", text)]
TARGETS = [text.split()[1] for text in CODE if text.startswith("make ")]
NAMES = {
    "conformance/rules/families.py": "RETIRED",
    "conformance/clients/client.py": "class Simulation:",
    "conformance/clients/sdk.py": "def simulator(",
    "conformance/clients/openai_sdk.py": "DeltaHandler = ",
    "conformance/testbed/server/reply.py": "class Mutation:",
    "conformance/report/formats/registry.py": "FORMATS: ",
    "conformance/runs/report.py": "Format = ",
    "tests/fidelity/capture.py": "PROFILES = ",
    "tests/fidelity/environments.py": "LEFT_OUT = ",
}


@pytest.mark.parametrize("path", PATHS)
def test_every_file_exists(path):
    pattern = PLACEHOLDERS.sub("*", path)
    inside = "conformance/clients/" if path in ("client.py", "sdk.py", "openai_sdk.py") else ""
    assert any(ROOT.glob(inside + pattern)), path


def test_every_make_target_exists():
    known = re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert set(TARGETS) <= set(known)
    assert {"test", "check", "docs"} <= set(TARGETS)


@pytest.mark.parametrize("path", NAMES)
def test_every_name_is_defined_where_the_page_says(path):
    assert NAMES[path] in (ROOT / path).read_text()
