"""The target on the command line: a URL without an option, headers, certificates, and the environment."""

import json

import pytest

from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import running

NOWHERE = "http://127.0.0.1:1/v1"
TOKEN = "team-token-0123456789"


def files(folder):
    return [path.read_bytes() for path in folder.rglob("*") if path.is_file()]


def test_a_url_without_an_option_is_the_base_url(command):
    code, out, _ = command("run", NOWHERE, "--model", "m", "--suite", "smoke", "--dry-run")
    assert code == 0
    assert f"POST {NOWHERE}/chat/completions" in out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((NOWHERE, "--base-url", NOWHERE, "--model", "m"), "--base-url excludes the URL"),
        ((NOWHERE, "--from-env", "--model", "m"), "--from-env excludes the URL"),
        ((NOWHERE,), "--model is missing"),
        (("api.example/v1", "--model", "m"), "is not valid; accepted: http://"),
        ((NOWHERE, "--deployment", "native-sse", "--model", "m"), "excludes --deployment"),
        (("-H", "s3cret"), "--header; accepted: 'Name: value'"),
        (("-H", "X Team: s3cret"), "--header; accepted: 'Name: value'"),
        (("-H", "X-Team:"), "--header; accepted: 'Name: value'"),
        (("-H", "Content-Length: 5"), "--header Content-Length; accepted: any header that does not frame"),
        (("-H", "X-Team: ${NO_SUCH_TOKEN}"), "--header X-Team: the environment variable NO_SUCH_TOKEN is not set"),
        (("-H", "X-Team: s3cret\r\nX: y"), "--header X-Team: accepted: text on one line"),
        (("--cacert", "nowhere.pem"), "--cacert nowhere.pem: No such file"),
        (("--insecure", "--cacert", "nowhere.pem"), "--insecure excludes --cacert"),
    ],
)
def test_what_can_not_be_meant_about_the_target_is_refused(command, words, said):
    code, out, err = command("run", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert "s3cret" not in err


def test_a_file_that_holds_no_certificate_is_refused(command, tmp_path):
    (tmp_path / "ca.pem").write_text("no certificate")
    code, _, err = command("run", "https://h/v1", "--model", "m", "--cacert", "ca.pem")
    assert code == 2
    assert "--cacert ca.pem: " in err
    assert "a PEM file of certificate authorities" in err


def test_a_header_is_sent_with_every_request_and_its_value_is_masked(shell, tmp_path):
    words = ("run", "--suite", "smoke", "--deployment", "silent-json", "--run-dir", "run", "--report", "html=page.html")
    ran = shell(*words, "-H", "X-Team: ${TEAM}", "-H", "X-Plain: short", cwd=tmp_path, TEAM=TOKEN)
    assert ran.code == 1
    sent = [path.read_bytes() for path in (tmp_path / "run/exchanges").glob("*/sent.bin")]
    assert sent
    for request in sent:
        assert b"\r\nX-Team: " + b"*" * len(TOKEN) + b"\r\n" in request
        assert b"\r\nX-Plain: *****\r\n" in request
    for text in (ran.out.encode(), ran.err.encode(), *files(tmp_path)):
        assert TOKEN.encode() not in text
    assert '-H "X-Team: $X_TEAM"' in ran.out


def test_a_header_of_the_command_line_replaces_that_of_the_file(shell, tmp_path):
    with running(DEPLOYMENTS["native-sse"]) as url:
        (tmp_path / "t.toml").write_text(
            f'[targets.t]\nbase_url = "{url}"\nmodel = "reference"\nheaders = {{ "x-team" = "from-file" }}\n'
        )
        words = ("run", "--config", "t.toml", "--target", "t", "--suite", "smoke", "--run-dir", "run")
        shell(*words, "-H", "X-Team: from-the-line", cwd=tmp_path)
    assert list(json.loads((tmp_path / "run/run.json").read_bytes())["target"]["headers"]) == ["X-Team"]


def test_from_env_names_what_it_took_and_no_variable_is_read_without_it(shell, tmp_path):
    with running(DEPLOYMENTS["native-sse"], key="sk-right-0123456789") as url:
        environ = {"OPENAI_BASE_URL": url, "OPENAI_MODEL": "reference", "OPENAI_API_KEY": "sk-right-0123456789"}
        ran = shell("run", "--from-env", "--suite", "smoke", cwd=tmp_path, **environ)
        bare = shell("run", "--suite", "smoke", "-q", cwd=tmp_path, **environ)
    assert ran.code == 0, ran.out
    assert ran.err == f"Target from the environment: {url}, model reference, the API key in OPENAI_API_KEY.\n"
    assert url in ran.lines[0]
    assert "native-sse" in bare.lines[0]
    assert url not in bare.out


@pytest.mark.parametrize(
    ("environ", "words", "said"),
    [
        ({}, (), "the environment variable OPENAI_BASE_URL is not set"),
        ({"OPENAI_BASE_URL": NOWHERE}, (), "the environment variable OPENAI_MODEL is not set"),
        ({"OPENAI_BASE_URL": "https://me:s3cret@h/v1"}, ("--model", "m"), "OPENAI_BASE_URL contains a user name"),
        ({"OPENAI_BASE_URL": "sk-s3cret"}, ("--model", "m"), "OPENAI_BASE_URL is not valid"),
        ({"OPENAI_BASE_URL": NOWHERE}, ("--base-url", NOWHERE), "--from-env excludes --base-url"),
        ({"OPENAI_BASE_URL": NOWHERE}, ("--deployment", "native-sse"), "--from-env excludes --deployment"),
    ],
)
def test_from_env_refuses_what_is_missing_or_given_twice(command, monkeypatch, environ, words, said):
    for name in ("OPENAI_BASE_URL", "OPENAI_MODEL", "OPENAI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    code, out, err = command("run", "--from-env", *words)
    assert (code, out) == (2, "")
    assert said in err
    assert "s3cret" not in err
