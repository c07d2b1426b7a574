"""Adding an API: mypy names what is missing, and one ApiSpec is all that the package needs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.apis.specs import SPECS, spec
from conformance.model.words import APIS

ROOT = Path(__file__).parents[2]
NAMES = '"chat", "messages", "responses"'
USE = """
import json
from conformance import catalogue
from conformance.apis.specs import spec
from conformance.model.target import Target
from conformance.plan import plan
catalogue.installed()
target = Target(base_url="http://h/v1", model="m", apis=("chat", "completions"))
found = plan(target, [profile.name for profile in catalogue.profiles()], "gate")
print(json.dumps([spec("completions").path, len(found), sorted({r.cases[0].api for r in found})]))
"""


@pytest.fixture
def checkout(tmp_path):
    """A copy of the package with one more API."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("conformance", "schemas"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    words = tmp_path / "conformance/model/words.py"
    text = words.read_text()
    text = text.replace(f"Api = Literal[{NAMES}]", f'Api = Literal[{NAMES}, "completions"]')
    words.write_text(
        text.replace(
            f"APIS: Final[tuple[Api, ...]] = ({NAMES})", f'APIS: Final[tuple[Api, ...]] = ({NAMES}, "completions")'
        )
    )
    return tmp_path


def run(*words, cwd):
    return subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, check=False)


def test_every_api_has_its_own_path_and_title():
    assert len({api.path for api in SPECS}) == len({api.title for api in SPECS}) == len(APIS) == len(SPECS)


@pytest.mark.verify
def test_mypy_demands_the_spec_of_a_new_api(checkout):
    pytest.importorskip("mypy")
    ran = run("-m", "mypy", cwd=checkout)
    assert ran.returncode == 1
    complaints = [line for line in ran.stdout.splitlines() if ": error:" in line]
    assert any("apis/specs.py" in line and "'completions'" in line for line in complaints), ran.stdout


@pytest.mark.verify
def test_a_new_api_needs_one_spec(checkout):
    pytest.importorskip("mypy")
    specs = checkout / "conformance/apis/specs.py"
    new = 'replace(CHAT, path="/completions", title="Completions", streams=False)'
    case = f'        case "completions":\n            return {new}\n'
    text = specs.read_text().replace("        case _:\n", f"{case}        case _:\n")
    specs.write_text(text.replace("from typing import", "from msgspec.structs import replace\nfrom typing import"))
    ran = run("-m", "mypy", cwd=checkout)
    assert ran.returncode == 0, ran.stdout
    ran = run("-c", USE, cwd=checkout)
    assert ran.returncode == 0, ran.stderr
    path, requests, apis = json.loads(ran.stdout)
    assert (path, apis) == (spec("chat").path.replace("/chat", ""), ["chat"])
    assert requests > 50
