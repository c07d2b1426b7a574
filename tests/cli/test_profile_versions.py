"""`conformance profiles --check`: a newer framework is drift; an older one, or none, is not."""

import io
import sys

import pytest

from conformance import catalogue
from conformance.cli import profile_versions
from conformance.cli.main import app
from conformance.runs.config import ConfigError

CAPTURED = dict(pair for profile in catalogue.profiles() for pair in profile.packages)


def told(monkeypatch, **versions):
    """Whether the profiles drifted, and the lines, where these packages are installed."""
    found = {name.replace("_", "-"): version for name, version in versions.items()}
    monkeypatch.setattr(profile_versions, "_here", found.get)
    out = io.StringIO()
    return profile_versions.print_versions(None, out), {line.split()[0]: line for line in out.getvalue().splitlines()}


def test_nothing_installed_is_no_drift(monkeypatch):
    drifted, lines = told(monkeypatch)
    assert not drifted
    assert "hermes-agent is not installed; captured: 0.19.0" in lines["hermes"]


def test_a_newer_framework_is_reported_with_both_versions(monkeypatch):
    drifted, lines = told(monkeypatch, litellm="1.200.0", openai="2.54.0")
    assert drifted
    assert "litellm 1.200.0 is newer than the captured 1.106.2" in lines["litellm"]
    assert "make capture" in lines["Recapture"]


def test_a_newer_sdk_counts_below_an_installed_framework_alone(monkeypatch):
    drifted, lines = told(monkeypatch, openai="3.54.0", instructor="1.17.0")
    assert drifted
    assert "openai 3.54.0 is newer than the captured 3.3.0" in lines["instructor"]
    assert "not installed" in lines["hermes"]
    assert "as captured" in lines["openai-python"]


@pytest.mark.parametrize("version", ["0.16.8", "0.16.8rc1", "0.16.7.9", "0.9.99"])
def test_the_same_and_older_ones_are_no_drift(monkeypatch, version):
    assert not told(monkeypatch, letta=version)[0]


@pytest.mark.parametrize("version", ["0.16.8.1", "0.16.10", "0.17", "1"])
def test_versions_are_compared_as_numbers(monkeypatch, version):
    assert told(monkeypatch, letta=version)[0]


def test_packages_of_npm_are_looked_for_beside_the_caller(monkeypatch, tmp_path):
    package = tmp_path / "node_modules/ai/package.json"
    package.parent.mkdir(parents=True)
    package.write_text('{"version": "7.0.0"}')
    monkeypatch.chdir(tmp_path)
    drifted, lines = told(monkeypatch)
    assert drifted
    assert "npm:ai 7.0.0 is newer" in lines["vercel-ai-sdk"]


def test_another_python_is_asked(capsys):
    here = app(["profiles", "--check"])
    seen = capsys.readouterr().out
    assert app(["profiles", "--check", "--python", sys.executable]) == here
    assert capsys.readouterr().out == seen
    assert "hermes-agent is not installed" in seen


def test_a_python_that_does_not_run_is_a_mistake_of_the_user(tmp_path):
    with pytest.raises(ConfigError, match="accepted: a working Python interpreter"):
        profile_versions.print_versions(tmp_path / "none", io.StringIO())


def test_every_profile_names_the_packages_that_it_was_captured_from():
    assert all(profile.packages and profile.versions for profile in catalogue.profiles())
    assert CAPTURED["langgraph"] == "1.2.22"
