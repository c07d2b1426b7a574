"""What pipelines run: the steps of the action, the template's script, and the documentation's commands."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import running

CHECKOUT = Path(__file__).parents[2]
ACTION = yaml.safe_load((CHECKOUT / "action.yml").read_text())
BIN = Path(sys.executable).parent
ENVIRON = {"PATH": f"{BIN}:{os.environ['PATH']}", "PYTHONPATH": str(CHECKOUT), "API_KEY": "sk-a-key-that-is-not-one"}


@pytest.fixture(scope="module")
def url():
    with running(DEPLOYMENTS["native-sse"]) as address:
        yield address


def acted(tmp_path, **inputs):
    """Run the action's own step with a runner's environment; the package is that of these tests."""
    step = ACTION["runs"]["steps"][1]
    defaults = {name: said["default"] for name, said in ACTION["inputs"].items()} | inputs
    env = {name: defaults[re.search(r"inputs\.([a-z-]+)", said)[1]] for name, said in step["env"].items()}
    (tmp_path / "runner/conformance/bin").mkdir(parents=True)
    (tmp_path / "runner/conformance/bin/conformance").symlink_to(BIN / "conformance")
    told = {name: str(tmp_path / name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY")}
    places = {"GITHUB_ACTION_PATH": str(CHECKOUT), "RUNNER_TEMP": str(tmp_path / "runner")}
    done = subprocess.run(
        ["bash", "-c", step["run"]],
        cwd=tmp_path,
        env=ENVIRON | env | told | places,
        capture_output=True,
        text=True,
        check=False,
    )
    written = [path.read_text() if (path := Path(file)).exists() else "" for file in told.values()]
    return done, dict(line.split("=", 1) for line in written[0].splitlines()), written[1]


def test_the_action_passes_a_good_target(tmp_path, url):
    inputs = {"base-url": url, "model": "reference", "suite": "smoke", "api-key-env": "API_KEY"}
    done, outputs, summary = acted(tmp_path, **inputs)
    assert (done.returncode, outputs["verdict"], outputs["must-failed"]) == (0, "conformant", "0"), done.stderr
    assert summary.startswith("# ✅ conformant")
    assert set(outputs) == set(ACTION["outputs"])
    for name in ("report.json", "junit.xml", "report.sarif", "report.html", "run/run.json"):
        assert (tmp_path / outputs["reports"] / name).exists(), name


def test_the_action_fails_a_bad_one_and_annotates_it(tmp_path):
    done, outputs, summary = acted(tmp_path, suite="smoke", deployment="silent-json")
    assert (done.returncode, outputs["verdict"]) == (1, "not-conformant")
    assert int(outputs["must-failed"]) > 0
    assert "::error title=FLD001" in done.stdout
    assert "FLD001" in summary


def test_the_action_tells_apart_what_could_not_be_reached(tmp_path):
    done, outputs, _ = acted(tmp_path, **{"base-url": "http://127.0.0.1:9/v1", "model": "m"})
    assert (done.returncode, outputs["verdict"], outputs["must-failed"]) == (3, "not-tested", "0")


@pytest.mark.parametrize(
    ("inputs", "why"),
    [
        ({"model": "m"}, "::error title=base-url is missing::"),
        ({"base-url": "http://127.0.0.1:9/v1"}, "--model is missing"),
        ({"base-url": "http://127.0.0.1:9/v1", "model": "m", "deployment": "native-sse"}, "--deployment"),
    ],
)
def test_the_action_tests_nothing_but_the_one_target_that_it_is_given(tmp_path, inputs, why):
    done, outputs, _ = acted(tmp_path, **inputs)
    assert done.returncode == 2
    assert why in done.stdout + done.stderr
    assert (outputs["verdict"], outputs["exit-code"]) == ("failed", "2")
    assert not (tmp_path / "conformance/run").exists()


def test_the_action_tests_a_target_of_a_file(tmp_path, url):
    (tmp_path / "targets.toml").write_text(f'[targets.ours]\nbase_url = "{url}"\nmodel = "reference"\n')
    done, outputs, _ = acted(tmp_path, suite="smoke", arguments="--config targets.toml --target ours")
    assert (done.returncode, outputs["verdict"]) == (0, "conformant"), done.stderr


def test_every_input_and_output_of_the_action_is_used_and_described():
    text = (CHECKOUT / "action.yml").read_text()
    for kind, pattern in (("inputs", "${{{{ inputs.{} }}}}"), ("outputs", "${{{{ steps.run.outputs.{} }}}}")):
        for name, said in ACTION[kind].items():
            assert pattern.format(name) in text, name
            assert said["description"].endswith("."), name


def test_the_template_s_script_runs_and_leaves_its_artifacts(tmp_path, url):
    template = yaml.safe_load((CHECKOUT / "ci/gitlab.yml").read_text())
    job = template[".conformance"]
    (tmp_path / ".conformance/bin").mkdir(parents=True)
    (tmp_path / ".conformance/bin/conformance").symlink_to(BIN / "conformance")
    said = {
        "CONFORMANCE_SUITE": "smoke",
        "CONFORMANCE_URL": url,
        "CONFORMANCE_MODEL": "reference",
        "CONFORMANCE_KEY": "sk-a-key-that-is-not-one",
    }
    done = subprocess.run(
        ["bash", "-c", job["script"][1]],
        cwd=tmp_path,
        env=ENVIRON | said,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / job["artifacts"]["reports"]["junit"]).exists()
    assert template["conformance"]["extends"] == ".conformance"


def test_the_template_installs_nothing_by_a_name_that_anyone_could_register(tmp_path):
    install = yaml.safe_load((CHECKOUT / "ci/gitlab.yml").read_text())[".conformance"]["script"][0]
    done = subprocess.run(
        ["bash", "-c", install.replace("python -m venv .conformance", "true")],
        cwd=tmp_path,
        env={"PATH": ENVIRON["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode != 0
    assert "CONFORMANCE_PACKAGE: set it to an archive or a wheel" in done.stderr


@pytest.mark.verify
def test_the_documentation_s_commands_run_as_they_stand(tmp_path, url):
    commands = re.findall(r"```bash\n(.*?)```", (CHECKOUT / "docs/ci.md").read_text(), re.DOTALL)
    assert len(commands) == 2
    for _ in range(2):  # the second time compares with the first
        for command in commands:
            env = ENVIRON | {"BASE_URL": url, "MODEL": "reference"}
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", command],
                cwd=tmp_path,
                env=env,
                capture_output=True,
                text=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
    assert json.loads((tmp_path / "conformance/good.json").read_text())["exit_code"] == 0
    assert "no regression" in (tmp_path / "conformance/diff.md").read_text()


def test_the_image_copies_what_is_there():
    text = (CHECKOUT / "Dockerfile").read_text()
    copied = [name for line in re.findall(r"^COPY (.*) \S+$", text, re.MULTILINE) for name in line.split()]
    assert len(copied) >= 6
    assert all((CHECKOUT / name).exists() for name in copied)
    assert "USER asker" in text
