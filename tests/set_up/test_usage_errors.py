"""Mistakes on the command line end with exit code 2 before anything is sent, and no key is shown."""

from pathlib import Path

import pytest

import conformance

MODEL = "reference"
KEY = "sk-secret-0123456789"
KEYS = (
    "sk-0123456789abcdef",
    "gsk_Ab3dEf6hIj9kLmN",
    "AKIAIOSFODNN7EXAMPLE",
    "hf_abcdefghijklmnopqrstuvwxyz",
    "0123456789abcdef0123",
    "a key with spaces",
)


@pytest.mark.parametrize("key", KEYS)
def test_a_key_in_place_of_its_variables_name_is_refused_and_shown_nowhere(command, real, key, tmp_path):
    given = ("run", "--base-url", f"{real}/v1", "--model", MODEL, "--api-key-env", key, "--run-dir", "run")
    ran = command(*given)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("conformance: --api-key-env; accepted: the name of an environment variable, not the key")
    with pytest.raises(conformance.ConfigError) as raised:
        conformance.run(base_url=f"{real}/v1", model=MODEL, api_key_env=key)
    Path("targets.toml").write_text(f'[targets.a]\nbase_url = "{real}/v1"\nmodel = "m"\nkey_env = "{key}"\n')
    from_file = command("run", "--config", "targets.toml", "--target", "a")
    many = command("matrix", "--config", "targets.toml", "--out", "site")
    assert from_file.code == 2
    assert many.code in (2, 3)
    Path("targets.toml").unlink()
    files = (file.read_text("latin-1") for file in tmp_path.rglob("*") if file.is_file() and file.suffix != ".pem")
    for text in (ran.err, from_file.err, from_file.out, many.err, many.out, repr(raised.value), *files):
        assert key not in text


def test_a_key_of_another_type_is_not_shown_either():
    with pytest.raises(conformance.ConfigError, match="api_key_env; accepted: a string") as raised:
        conformance.run(base_url="http://127.0.0.1:1/v1", model=MODEL, api_key_env=KEY.encode())
    assert KEY not in str(raised.value)


@pytest.mark.parametrize("name", ["MY_KEY", "no_such_key", "OPENAI_API_KEY2", "KEY_OF_STAGING_2026"])
def test_a_variable_that_is_not_set_is_named(command, name):
    ran = command("run", "--base-url", "http://127.0.0.1:1/v1", "--model", MODEL, "--api-key-env", name)
    assert ran.code == 2
    assert f"--api-key-env {name}: this environment variable is not set or empty" in ran.err


@pytest.mark.parametrize("place", ["file/run", "/proc/run", "x" * 300])
def test_a_run_folder_that_cannot_be_made_is_a_usage_error_that_names_the_option(command, real, place):
    Path("file").touch()
    ran = command("run", "--base-url", f"{real}/v1", "--model", MODEL, "--run-dir", place)
    assert (ran.code, ran.out) == (2, "")
    assert ran.err.startswith("conformance: --run-dir")
    assert place in ran.err
    assert len(ran.err.splitlines()) == 1


def test_a_default_folder_that_cannot_be_made_leads_to_the_option(command, real):
    Path("reports").touch()
    ran = command("run", "--base-url", f"{real}/v1", "--model", MODEL)
    assert ran.code == 2
    assert ran.err.startswith("conformance: reports/runs: ")
    assert ran.err.rstrip().endswith("name a folder that can be written with --run-dir")
