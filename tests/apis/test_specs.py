"""Adding an API: mypy names what is missing, and its record and its endpoint are all that the package needs."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import pytest

from conformance import schemas
from conformance.apis.specs import SPECS, caps, conversation, generation, spec
from conformance.model.words import APIS, CONVERSATIONAL, GENERATIVE, Api

ROOT = Path(__file__).parents[2]
NAMES = ", ".join(f'"{api}"' for api in get_args(Api))
WITHOUT_TEXT = 'replace(CHAT, path="/rerank", title="Reranking", generation=None)'
USE = """
import json
from conformance import catalogue
from conformance.apis.specs import spec
from conformance.model.target import Target
from conformance.plan import plan
catalogue.installed()
target = Target(base_url="http://h/v1", model="m", apis=("chat", "rerank"))
found = plan(target, [profile.name for profile in catalogue.profiles()], "gate")
print(json.dumps([spec("rerank").path, len(found), sorted({r.cases[0].api for r in found})]))
"""


@pytest.fixture
def checkout(tmp_path):
    """A copy of the package with the name of one more API."""
    ignored = shutil.ignore_patterns("__pycache__")
    for name in ("conformance", "schemas"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    words = tmp_path / "conformance/model/words.py"
    words.write_text(words.read_text().replace(f"\nApi = Literal[{NAMES}]", f'\nApi = Literal[{NAMES}, "rerank"]'))
    return tmp_path


def run(*words, cwd):
    return subprocess.run([sys.executable, *words], cwd=cwd, capture_output=True, text=True, check=False)


def add(path, case, extra=""):
    """Add a case to the one `match` of a module, and an import before the others."""
    text = path.read_text().replace("        case _:\n", f"{case}        case _:\n")
    path.write_text(text.replace("from typing import", f"{extra}from typing import", 1))


def test_every_api_has_its_own_path_and_title():
    assert len({api.path for api in SPECS.values()}) == len({api.title for api in SPECS.values()}) == len(APIS)


def test_the_named_sets_are_those_of_the_records():
    assert tuple(api for api in APIS if spec(api).generation) == GENERATIVE
    assert tuple(api for api in GENERATIVE if generation(api).conversation) == CONVERSATIONAL


@pytest.mark.parametrize("api", APIS)
def test_an_api_has_what_its_set_promises_and_no_more(api):
    assert bool(caps(api)) == (api in GENERATIVE)
    for made, where in ((generation, GENERATIVE), (conversation, CONVERSATIONAL)):
        if api in where:
            assert made(api)
        else:
            with pytest.raises(ValueError, match=api):
                made(api)


@pytest.mark.parametrize("name", ["target", "waiver", "run", "report"])
def test_the_files_of_the_harness_name_every_api(name):
    assert any({*APIS} <= {*place["enum"]} for place in _enumerations(schemas.load(name)))


def _enumerations(part):
    """Every object with an enumeration in a schema."""
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
    yield from (part,) if isinstance(part, dict) and "enum" in part else ()
    for item in inner:
        yield from _enumerations(item)


@pytest.mark.verify
def test_mypy_demands_the_record_and_the_endpoint_of_a_new_api(checkout):
    pytest.importorskip("mypy")
    ran = run("-m", "mypy", cwd=checkout)
    assert ran.returncode == 1
    complaints = [line for line in ran.stdout.splitlines() if ": error:" in line]
    for place in ("apis/specs.py", "testbed/server/endpoints.py"):
        assert any(place in line and "'rerank'" in line for line in complaints), ran.stdout


@pytest.mark.verify
def test_a_new_api_without_text_needs_one_record_and_one_endpoint(checkout):
    pytest.importorskip("mypy")
    record = f'        case "rerank":\n            return {WITHOUT_TEXT}\n'
    add(checkout / "conformance/apis/specs.py", record, "from msgspec.structs import replace\n")
    served = '        case "rerank":\n            return endpoint("chat")._replace(buffered=None)\n'
    add(checkout / "conformance/testbed/server/endpoints.py", served)
    ran = run("-m", "mypy", cwd=checkout)
    assert ran.returncode == 0, ran.stdout
    ran = run("-c", USE, cwd=checkout)
    assert ran.returncode == 0, ran.stderr
    path, requests, apis = json.loads(ran.stdout)
    assert (path, apis) == ("/rerank", ["chat"])
    assert requests > 50
