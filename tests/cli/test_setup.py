"""Setting up: the targets file that is found without --config, completion, and the examples of the help."""

import shlex
import subprocess

import pytest

from conformance.cli.commands.setup import TEMPLATE
from conformance.cli.main import app
from conformance.runs import config

COMMANDS = sorted(name for name in app if not name.startswith("-"))
TARGET = '[{table}]\nbase_url = "http://127.0.0.1:1/{path}"\nmodel = "m"\n'
DRY = ("--target", "staging", "--suite", "smoke", "--dry-run")


def test_init_writes_a_file_whose_target_is_found_without_its_name(command, tmp_path):
    code, out, _ = command("init")
    assert code == 0
    assert "conformance run --target staging" in out
    assert (tmp_path / "conformance.toml").read_text() == TEMPLATE.read_text()
    code, out, _ = command("run", *DRY)
    assert code == 0
    assert "http://127.0.0.1:8000/v1/chat/completions" in out


def test_every_line_that_the_file_comments_out_is_valid(tmp_path):
    lines = TEMPLATE.read_text().split("[targets.staging]", 1)[1].splitlines()
    (tmp_path / "all.toml").write_text("\n".join(["[targets.staging]", *(line.removeprefix("# ") for line in lines)]))
    assert list(config.entries(tmp_path / "all.toml")) == ["staging", "the-incident"]
    target = config.target(tmp_path / "all.toml", "staging", {"TEAM_TOKEN": "x"})
    assert (target.key_env, target.policy.streaming, target.prices.output) == ("STAGING_KEY", "stopgap-ok", 1.5)


def test_init_overwrites_nothing(command, tmp_path):
    (tmp_path / "conformance.toml").write_text("mine")
    code, _, err = command("init")
    assert code == 2
    assert "conformance.toml: File exists; accepted: a new file" in err
    assert (tmp_path / "conformance.toml").read_text() == "mine"


def test_a_target_is_found_in_conformance_toml_before_pyproject_toml(command, tmp_path):
    (tmp_path / "pyproject.toml").write_text(TARGET.format(table="tool.conformance.targets.staging", path="project"))
    assert "http://127.0.0.1:1/project/chat" in command("run", *DRY)[1]
    (tmp_path / "conformance.toml").write_text(TARGET.format(table="targets.staging", path="own"))
    assert "http://127.0.0.1:1/own/chat" in command("run", *DRY)[1]
    assert "http://127.0.0.1:1/project/chat" in command("run", *DRY, "--config", "pyproject.toml")[1]


def test_where_a_file_has_targets_one_must_be_named(command, tmp_path):
    (tmp_path / "conformance.toml").write_text('[targets.ours]\nbase_url = "http://127.0.0.1:9/v1"\nmodel = "m"\n')
    code, out, err = command("run", "--suite", "smoke", "--dry-run")
    assert (code, out) == (2, "")
    assert "conformance.toml has targets: name one with --target (ours), or use --deployment native-sse" in err
    assert command("run", "--deployment", "native-sse", "--suite", "smoke", "--dry-run")[0] == 0


@pytest.mark.parametrize(
    ("name", "text", "said"),
    [
        ("pyproject.toml", "[project]\nname = 'x'\n", "--target staging needs --config FILE"),
        ("pyproject.toml", "not TOML", "pyproject.toml: not valid TOML"),
        ("pyproject.toml", "[tool.conformance]\n", "pyproject.toml: the file: missing targets"),
        ("pyproject.toml", "[tool.conformance.targets.staging]\nmodel = 1", "pyproject.toml:1: targets.staging"),
        (
            "conformance.toml",
            "[targets.other]\nbase_url = 'http://h'\nmodel = 'm'",
            "has no [targets.staging]; it has other",
        ),
        ("other.toml", "", "`conformance init` writes one"),
    ],
)
def test_a_target_that_is_not_found_is_refused_with_what_to_do(command, tmp_path, name, text, said):
    (tmp_path / name).write_text(text)
    code, out, err = command("run", *DRY)
    assert (code, out) == (2, "")
    assert said in err


def test_a_pyproject_without_our_table_is_refused_as_config(command, tmp_path):
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    code, _, err = command("run", *DRY, "--config", "pyproject.toml")
    assert code == 2
    assert "pyproject.toml: it has no table [tool.conformance]" in err


def test_the_waivers_of_a_found_file_count(command, tmp_path):
    (tmp_path / "conformance.toml").write_text(
        TARGET.format(table="targets.staging", path="v1") + 'waivers = "no.toml"'
    )
    code, _, err = command("run", *DRY)
    assert code == 2
    assert "no.toml: No such file" in err


@pytest.mark.parametrize("shell_name", ["bash", "zsh", "fish"])
def test_completion_prints_a_script_with_every_command(command, shell_name):
    code, out, _ = command("completion", shell_name)
    assert code == 0
    for name in COMMANDS:
        assert name in out


def test_the_completion_of_bash_completes_an_option(command):
    script = command("completion", "bash")[1]
    ask = "COMP_WORDS=(conformance run --sel); COMP_CWORD=2; _conformance; printf '%s ' \"${COMPREPLY[@]}\""
    ran = subprocess.run(["bash", "-c", f"{script}\n{ask}"], capture_output=True, text=True, check=True)
    assert ran.stdout.split() == ["--select"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_ends_with_examples_that_parse(command, name):
    _, out, _ = command(name, "--help")
    examples = [line.strip() for line in out.split("Examples:")[1].splitlines() if line.startswith("    ")]
    assert examples
    for example in examples:
        words = shlex.split(example.partition(" > ")[0])
        if words[0] == "conformance":
            called, _, _ = app.parse_args(words[1:])
            assert callable(called)
    assert any(f"conformance {name}" in example for example in examples)


def test_the_exit_codes_are_in_one_help(command):
    assert "Exit codes: 0 conformant; 1 a MUST failed" in command("--help")[1]
    for name in COMMANDS:
        assert "Exit codes: conformance --help" in command(name, "--help")[1]
