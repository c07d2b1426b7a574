"""Mistakes of set-up stop a run with exit code 3, and the first line says what is wrong and what to do."""

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest
import trustme

import conformance
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import running

CHECKOUT = Path(__file__).parents[2]
MODEL = "reference"
KEY = "sk-secret-0123456789"
MOST_LINES = 25
LISTED = ("tiny", "other", "third", "fourth", "fifth", "sixth")


def stops(ran, *, code=3):
    """The first line of a run that stopped as a mistake of set-up does."""
    assert ran.code == code, ran.out + ran.err
    assert len(ran.lines) <= MOST_LINES
    assert "CONFORMANT" not in ran.out
    assert ran.lines[0].startswith("NOT TESTED  ")
    return ran.lines[0].removeprefix("NOT TESTED  ")


def run(command, url, *words, model=MODEL):
    return command("run", "--base-url", url, "--model", model, "--run-dir", "run", *words)


def steps(folder=Path("run")):
    return [name.rpartition(".preflight.")[2] for name in json.loads((folder / "run.json").read_bytes())["planned"][:8]]


def facts(folder=Path("run")):
    return json.loads((folder / "run.json").read_bytes())


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("", "/chat/completions"),
        ("/v1/chat/completions", "/v1/chat/completions/chat/completions"),
        ("/v1/v1", "/v1/v1/chat/completions"),
        ("/v1/messages", "/v1/messages/chat/completions"),
        ("/v1/embeddings", "/v1/embeddings/chat/completions"),
    ],
)
def test_a_base_url_that_is_nearly_right_is_reported_with_the_right_one(command, real, path, asked):
    first = stops(run(command, real + path))
    assert first == f"HTTP 404 at {asked}, but HTTP 200 at /v1/chat/completions: did you mean --base-url {real}/v1?"
    assert facts()["stopped"] == "set-up"
    assert steps()[:3] == ["smallest", "smallest", "other-path"]


def test_a_page_in_place_of_the_api_leads_to_the_api_next_to_it(command, web):
    def respond(path, body):
        if path == "/v1/chat/completions":
            return web.refused(401, "No key.")
        return web.html(405 if body else 200, "Chat for all")

    with web.served(respond) as server:
        first = stops(run(command, f"http://127.0.0.1:{server.port}"))
    assert first.endswith(f"did you mean --base-url http://127.0.0.1:{server.port}/v1?")


def test_an_unknown_model_is_reported_in_the_servers_words_with_the_served_one(command, real):
    first = stops(run(command, f"{real}/v1", model="reference-2"))
    assert first == (
        "The target does not serve the model ‘reference-2’: HTTP 404 ‘The model 'reference-2' is not offered here. Use"
        " 'reference'.’; served: reference; did you mean --model reference?"
    )
    assert steps()[:3] == ["smallest", "smallest", "models"]


@pytest.mark.parametrize(
    ("status", "message", "code"),
    [
        (404, "The model `tinny` does not exist.", None),
        (404, "model: tinny", None),
        (404, "Unable to access tinny.", "model_not_found"),
        (400, "Invalid model name passed in model=tinny. Call `/v1/models` to view available models.", None),
        (400, "Model Not Exist", None),
        (400, "The model 'tinny' was not found.", None),
        (400, "tinny is not a valid model ID", None),
        (403, "Project x does not have access to model tinny.", "model_not_found"),
    ],
)
def test_at_most_five_of_the_served_models_are_named(command, web, status, message, code):
    def respond(path, _body):
        if path == "/v1/models":
            return web.json(200, {"object": "list", "data": [{"id": name} for name in LISTED]})
        return web.refused(status, message, code=code)

    with web.served(respond) as server:
        first = stops(run(command, f"http://127.0.0.1:{server.port}/v1", model="tinny"))
    assert f"HTTP {status} ‘{message}’" in first
    assert first.endswith("served: tiny, other, third, fourth, fifth and 1 more; did you mean --model tiny?")
    assert server.paths.count("/v1/models") == 1


@pytest.mark.parametrize(
    "message",
    [
        "This model does not support max_tokens below 16 in this region",
        *(
            pytest.param(text, marks=pytest.mark.verify)
            for text in (
                "The model `tiny` is overloaded",
                "Invalid model parameters: max_tokens",
                "For this model, max_tokens below 16 is not available; the value is invalid",
                "Only streaming is supported for model tiny.",
            )
        ),
    ],
)
def test_an_error_that_only_mentions_the_model_is_no_mistake_of_set_up(command, web, message):
    with web.served(lambda *_: web.refused(400, message)) as server:
        ran = run(command, f"http://127.0.0.1:{server.port}/v1", "--suite", "smoke", model="tiny")
    assert facts()["stopped"] == ""
    assert ran.lines[0].startswith("NOT CONFORMANT")


def test_a_model_that_is_listed_is_not_called_unknown(command, web):
    def respond(path, _body):
        if path == "/v1/models":
            return web.json(200, {"object": "list", "data": [{"id": "tiny"}]})
        return web.refused(404, "The model tiny does not exist.")

    with web.served(respond) as server:
        run(command, f"http://127.0.0.1:{server.port}/v1", "--suite", "smoke", model="tiny")
    assert facts()["stopped"] == ""


@pytest.mark.parametrize(
    "status", [307, *(pytest.param(status, marks=pytest.mark.verify) for status in (301, 302, 308))]
)
@pytest.mark.parametrize(
    ("location", "said"),
    [
        (
            "https://user:pass-word@api.example/v1{path}?token=secret",
            "to ‘https://api.example/v1/chat/completions’, and no redirect is followed: use --base-url https://api.example/v1.",
        ),
        ("{path}/", "no redirect is followed: set --base-url to where the API itself is."),
        ("/v1{path}/", "no redirect is followed: use --path chat=/chat/completions/."),
        ("https://login.example/start?next=secret", "set --base-url to where the API itself is."),
        ("", "and no redirect is followed: set --base-url to where the API itself is."),
    ],
)
def test_a_redirect_is_reported_without_secrets_and_not_followed(command, web, status, location, said):
    def respond(path, _body):
        return status, {"location": location.format(path=path.removeprefix("/v1"))}, b""

    with web.served(respond) as server:
        ran = run(command, f"http://127.0.0.1:{server.port}/v1")
    first = stops(ran)
    assert first.startswith(f"The target redirects /v1/chat/completions with HTTP {status}")
    assert first.endswith(said)
    assert "secret" not in ran.out
    assert "pass-word" not in ran.out
    assert len(server.paths) == 2


@pytest.mark.parametrize("status", [200, 403, 404, 405])
def test_an_html_page_is_not_an_api(command, web, status):
    with web.served(lambda *_: web.html(status, "Welcome &amp; \x1b[31m enjoy")) as server:
        first = stops(run(command, f"http://127.0.0.1:{server.port}"))
    assert first.startswith(
        f"This is not an API: http://127.0.0.1:{server.port}/chat/completions returned HTTP {status}"
    )
    assert "with an HTML page titled ‘Welcome & \\x1b[31m enjoy’" in first
    assert "check --base-url, which usually ends in /v1" in first


@pytest.mark.parametrize(
    "status", [503, *(pytest.param(status, marks=pytest.mark.verify) for status in (429, 500, 502))]
)
def test_a_gateway_that_is_down_or_busy_is_no_mistake_of_set_up(command, web, status):
    with web.served(lambda *_: web.html(status, "Bad gateway")) as server:
        run(command, f"http://127.0.0.1:{server.port}/v1", "--suite", "smoke")
    assert facts()["stopped"] == ""


def test_https_to_a_port_without_tls_is_reported(command, real):
    first = stops(run(command, f"{real}/v1".replace("http:", "https:")))
    address = real.removeprefix("http://")
    assert first == f"The server at {address} speaks plain HTTP, not TLS: use --base-url {real}/v1."


@pytest.mark.parametrize("trusted", [True, False])
def test_http_to_a_port_with_tls_is_reported(command, web, tls, trusted, tmp_path, monkeypatch):
    if not trusted:
        trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    monkeypatch.setenv("MY_KEY", KEY)
    with web.served(lambda *_: web.json(200, {}), tls) as server:
        url = f"127.0.0.1:{server.port}/v1"
        first = stops(run(command, f"http://{url}", "--api-key-env", "MY_KEY"))
    assert first == f"The server at 127.0.0.1:{server.port} expects TLS, not plain HTTP: use --base-url https://{url}."


@pytest.mark.parametrize(
    "said",
    [
        b"HTTP/1.1 400 Bad Request\r\n\r\n<html><title>400 The plain HTTP request was sent to HTTPS port</title>",
        b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n",
        b"\x15\x03\x01\x00\x02\x02\x46",
    ],
)
def test_a_server_that_says_that_it_expects_tls_is_believed(command, raw, said):
    with raw(said) as port:
        first = stops(run(command, f"http://127.0.0.1:{port}/v1"))
    assert "expects TLS, not plain HTTP: use --base-url https://" in first
    assert "other-scheme" not in steps()


def test_the_key_is_not_sent_to_the_other_scheme(command, raw, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    heard = []
    with raw(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n", heard) as port:
        stops(run(command, f"https://127.0.0.1:{port}/v1", "--api-key-env", "MY_KEY"))
    plain = [raw for raw in heard if raw.startswith(b"GET /v1/models")]
    assert len(plain) == 1
    assert KEY.encode() not in plain[0]


def test_a_certificate_that_is_not_trusted_is_reported_with_what_to_do(command, web, tls, tmp_path, monkeypatch):
    trustme.CA().cert_pem.write_to_path(tmp_path / "other.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "other.pem"))
    with web.served(lambda *_: web.json(200, {}), tls) as server:
        first = stops(run(command, f"https://127.0.0.1:{server.port}/v1"))
    assert "certificate verification failed" in first
    assert first.endswith("; name the PEM file of its authority in SSL_CERT_FILE.")


def test_a_certificate_for_another_name_is_reported_as_such(command, web, tmp_path, monkeypatch):
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("elsewhere.test").configure_cert(context)
    with web.served(lambda *_: web.json(200, {}), context) as server:
        first = stops(run(command, f"https://127.0.0.1:{server.port}/v1"))
    assert first.endswith("; use the host name that the certificate is for.")


def test_a_refused_key_is_reported_in_the_servers_words_and_by_its_variable(command, monkeypatch):
    monkeypatch.setenv("MY_KEY", KEY)
    with running(DEPLOYMENTS["native-sse"], key="sk-right-0123456789") as url:
        first = stops(run(command, url, "--api-key-env", "MY_KEY"))
    assert first.startswith(
        f"The target at {url} rejected the API key: HTTP 401: ‘The API key is missing or not valid."
    )
    assert first.endswith("; check the key in $MY_KEY.")


def test_a_refused_key_is_reported_although_another_api_is_missing(command, web):
    def respond(path, _body):
        return web.refused(404, "Nothing here.") if "messages" in path else web.refused(401, "No key.")

    with web.served(respond) as server:
        first = stops(run(command, f"http://127.0.0.1:{server.port}/v1"))
    assert first.endswith("HTTP 401: ‘No key.’; name the variable that holds the key with --api-key-env.")


def test_a_slow_target_is_reported_with_its_time_and_the_option(command, web):
    released = threading.Event()

    def respond(path, _body):
        if path != "/v1/models":
            released.wait(60)
        return web.json(200, {"object": "list", "data": []})

    with web.served(respond) as server:
        first = stops(run(command, f"http://127.0.0.1:{server.port}/v1", "--timeout", "0.5"))
        released.set()
    assert "too slow to be tested: no response to a request of" in first
    assert first.endswith("within 0.5 s, but one to GET /models: set --timeout to a longer time.")


def test_a_target_without_a_proxy_that_works_names_the_proxy(command, monkeypatch):
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    monkeypatch.setenv("HTTP_PROXY", f"http://user:pass-word@127.0.0.1:{port}")
    ran = run(command, "http://llm.example/v1")
    first = stops(ran)
    assert f"the proxy 127.0.0.1:{port} (HTTP_PROXY): the connection was refused; check that variable" in first
    assert first.endswith("or name the target's host in NO_PROXY.")
    assert "pass-word" not in ran.out


@pytest.mark.parametrize("status", [404, 405, 501])
def test_a_target_that_offers_no_api_is_reported_with_the_status_of_each(command, web, status):
    with web.served(lambda *_: web.refused(status, "Nothing here.")) as server:
        first = stops(run(command, f"http://127.0.0.1:{server.port}/v1"))
    assert first == (
        f"The target offers none of the requested APIs (chat: HTTP {status} at /v1/chat/completions; messages: HTTP"
        f" {status} at /v1/messages): check --base-url and --model, or name their paths with --path."
    )


def test_a_target_that_refuses_only_one_mode_with_501_is_tested(command, web):
    def respond(_path, body):
        return web.refused(501, "Not here.") if b'"stream":true' not in body else web.refused(400, "Bad.")

    with web.served(respond) as server:
        run(command, f"http://127.0.0.1:{server.port}/v1", "--suite", "smoke")
    assert facts()["stopped"] == ""


def test_an_api_with_a_mistake_next_to_one_that_works_stops_nothing(command, web, real):
    def respond(path, _body):
        if path == "/v1/chat/completions":
            return web.json(200, {"choices": []})
        return web.refused(404, "The model tiny does not exist.")

    with web.served(respond) as server:
        ran = run(command, f"http://127.0.0.1:{server.port}/v1", "--suite", "smoke", model="tiny")
    assert facts()["stopped"] == ""
    assert ran.code == 1
    assert "/v1/chat/completions" in server.paths


def test_hints_stay_within_the_maximum_of_requests(command, real):
    ran = run(command, real, "--max-requests", "2")
    assert len(list(Path("run/exchanges").iterdir())) == 2
    assert "offers none of the requested APIs" in stops(ran)


def test_judging_a_stopped_run_again_prints_the_same(command, real):
    ran = run(command, real, "--report", "json=report.json")
    again = command("judge", "run", "--report", "json=again.json")
    assert (again.code, again.lines) == (ran.code, ran.lines)
    assert Path("again.json").read_bytes() == Path("report.json").read_bytes()
    report = json.loads(Path("report.json").read_bytes())
    assert (report["stopped"], report["exit_code"], report["verdicts"]) == ("set-up", 3, [])
    assert report["stopped_why"] in ran.lines[0]


def test_the_python_api_says_the_same(command, real):
    first = stops(run(command, real))
    report = conformance.run(base_url=real, model=MODEL)
    assert (report.exit_code, report.headline, report.stop_reason) == (3, (first,), first)


def test_the_matrix_says_it_in_the_targets_line(command, real):
    Path("targets.toml").write_text(f'[targets.ours]\nbase_url = "{real}"\nmodel = "{MODEL}"\n')
    ran = command("matrix", "--config", "targets.toml", "--out", "site", "--suite", "smoke")
    assert ran.code == 3
    assert "ours: not tested. HTTP 404 at /chat/completions, but HTTP 200 at" in ran.err
    assert "did you mean" in Path("site/index.html").read_text()


def test_fuzzing_stops_in_the_same_way(command, real):
    first = stops(command("fuzz", "--base-url", real, "--model", MODEL, "--max-examples", "5", "--run-dir", "run"))
    assert "/v1/chat/completions: did you mean" in first


def test_the_address_names_the_target_and_its_folder(command, real):
    address = real.removeprefix("http://")
    ran = command("run", "--base-url", real, "--model", MODEL)
    assert ran.lines[1].startswith(f"{address}, model {MODEL}, at {real}")
    (folder,) = Path("reports/runs").glob("2*")
    assert folder.name.endswith(f"-{address.replace(':', '-')}")


def test_the_plugin_of_pytest_says_the_same_of_its_own_options(command, real, tmp_path):
    first = stops(run(command, real))
    plugins = ("-p", "conformance.pytest_plugin", "-p", "no:cacheprovider")
    words = (f"--conformance-url={real}", f"--conformance-model={MODEL}", "--conformance-run-dir=other")
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *plugins, *words],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(CHECKOUT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 3
    assert first.replace("--base-url", "--conformance-url") in ran.stdout + ran.stderr


def test_a_variable_whose_name_is_as_long_as_a_key_may_be_used_if_it_is_set(command, real, monkeypatch):
    monkeypatch.setenv("ABCDEFGHIJKLMNOPQRSTUVWXYZ", KEY)
    assert stops(run(command, real, "--api-key-env", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
