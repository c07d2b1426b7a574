"""The commands gateway and upstream in processes of their own, and the run folders that they leave."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from conformance.apis.nonce import nonce
from conformance.gateway.selftest import KEY
from conformance.storage.folder import RunFolder

CHECKOUT = Path(__file__).parents[2]
ENVIRON = {**os.environ, "PYTHONPATH": str(CHECKOUT), "COLUMNS": "120", "NO_COLOR": "1"}
TARGETS = """
[targets.ours]
base_url = "http://127.0.0.1:9/v1"
model = "m"

[targets.ours.policy.gateway]
retires = 1
"""


def started(*words, cwd):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # the tests' parent process may ignore it
    command = [sys.executable, "-m", "conformance", *map(str, words)]
    return subprocess.Popen(command, cwd=cwd, env=ENVIRON, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def conformance(*words, cwd):
    command = started(*words, cwd=cwd)
    out, err = command.communicate()
    return command.returncode, out, err


@pytest.fixture(scope="module")
def recorded(tmp_path_factory):
    """A run through the embedded gateway with a defect, and its report."""
    folder = tmp_path_factory.mktemp("gateway")
    words = ("--defect", "cap-dropped", "--api", "chat", "--suite", "smoke", "--run-dir", "run")
    code, out, _ = conformance("gateway", *words, "--report", "json=report.json", cwd=folder)
    return folder, code, out


def outcomes(path):
    """The verdicts of a report."""
    return [
        (v["rule"], v["status"], v["probe"], v["mode"], v["message"]) for v in json.loads(path.read_text())["verdicts"]
    ]


def test_judging_a_run_again_gives_the_same_verdicts(recorded):
    folder, code, out = recorded
    assert (code, "GW001" in out) == (1, True)
    again = conformance("judge", "run", "--report", "json=again.json", cwd=folder)
    assert again[0] == 1
    assert outcomes(folder / "report.json") == outcomes(folder / "again.json")


def test_the_embedded_gateway_has_a_client_s_key_to_leak_which_is_never_written(tmp_path):
    words = ("--defect", "client-key-renamed", "--api", "chat", "--suite", "smoke", "--run-dir", "run")
    code, out, _ = conformance("gateway", *words, cwd=tmp_path)
    assert (code, "GW090" in out, KEY in out) == (1, True, False)
    assert not [path for path in (tmp_path / "run").rglob("*") if path.is_file() and KEY.encode() in path.read_bytes()]


@pytest.mark.parametrize("api", ["embeddings", pytest.param("completions", marks=pytest.mark.verify)])
def test_every_api_is_tested_by_the_command(tmp_path, api):
    words = ("--deployment", "transparent", "--api", api, "--suite", "smoke", "--run-dir", "run")
    code, out, _ = conformance("gateway", *words, cwd=tmp_path)
    assert (code, out.startswith("CONFORMANT  both sides of transparent")) == (0, True)
    assert all(name.startswith(api) for name in RunFolder.open(tmp_path / "run").ids())


def test_both_sides_are_listed_and_shown(recorded):
    folder, _, _ = recorded
    name = next(name for name in RunFolder.open(folder / "run").ids() if name.endswith(".upstream-1"))
    assert name in conformance("show", "run", cwd=folder)[1]
    code, out, _ = conformance("show", "run", name, cwd=folder)
    assert code == 0
    assert out.startswith(f"{name}, arrived from the gateway after ")


def test_a_request_through_a_gateway_is_not_replayed(recorded):
    folder, _, _ = recorded
    name = RunFolder.open(folder / "run").ids()[0]
    code, _, err = conformance("replay", "run", name, cwd=folder)
    assert code == 2
    assert "went through a gateway, whose upstream responds only during a run" in err


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        ((), 3, "Configure the gateway to forward to http://127.0.0.1:PORT/v1"),
        (("--suite", "fields"), 2, "fields"),
        (("--upstream-port", "9009", "--upstream-port", "9009"), 2, "Accepted: each port once"),
        (("--wait", "0"), 2, "Accepted: a number above 0"),
        (("--defect", "no-such"), 2, "--defect no-such is not known"),
        (("--deployment", "transparent", "--base-url", "http://h/v1"), 2, "exclude --deployment and --defect"),
        (
            ("--target", "ours", "--config", "targets.toml"),
            2,
            "targets.toml:7: targets.ours.policy.gateway: unknown key",
        ),
    ],
)
def test_what_can_not_be_run_is_refused_with_what_is_accepted(tmp_path, words, code, said):
    (tmp_path / "targets.toml").write_text(TARGETS)
    got, out, err = conformance("gateway", *words, cwd=tmp_path)
    assert (got, said in out + err) == (code, True)


def test_a_dry_run_prints_the_scripts_of_each_request_and_sends_nothing(tmp_path):
    code, out, _ = conformance("gateway", "--dry-run", "--api", "chat", "--suite", "smoke", cwd=tmp_path)
    assert code == 0
    first, *_, smoke, gate, full, last = out.splitlines()
    assert first.startswith("POST http://127.0.0.1/v1/chat/completions  chat.hello-hermes-stream  native-sse  ")
    assert [line.split()[0] for line in (smoke, gate, full)] == ["smoke", "gate", "full"]
    assert last == "Nothing was sent."


def test_ctrl_c_keeps_what_was_recorded(tmp_path):
    words = ("--base-url", "http://127.0.0.1:9/v1", "--model", "m", "--wait", "600", "--run-dir", "run")
    command = started("gateway", *words, cwd=tmp_path)
    assert command.stderr.readline().startswith("Configure the gateway to forward to http://127.0.0.1:")
    command.send_signal(signal.SIGINT)
    out, _ = command.communicate()
    assert command.returncode == 130
    assert RunFolder.open(tmp_path / "run").facts().stopped == "interrupted"
    assert out.startswith("INTERRUPTED")


@pytest.mark.parametrize("ending", [signal.SIGINT, signal.SIGTERM])
def test_the_upstream_alone_prints_and_records_what_arrives(tmp_path, ending, gw):
    command = started("upstream", "--api", "chat", "--run-dir", "run", cwd=tmp_path)
    url = command.stdout.readline().split()[2]
    assert command.stdout.readline().startswith(f"curl -sSiN {url}/chat/completions ")
    port = int(url.split(":")[2].partition("/")[0])
    lines = []
    for path, body in (("/v1/chat/completions", gw.chat()), ("/v1/messages", gw.chat())):
        client = http.client.HTTPConnection("127.0.0.1", port)
        client.request("POST", path, body, {"content-type": "application/json", "authorization": f"Bearer {gw.key}"})
        client.getresponse().read()
        client.close()
        lines.append(command.stdout.readline().strip())
    with socket.create_connection(("127.0.0.1", port)) as garbage:
        garbage.sendall(b"\x16\x03\x01\x02\x00")
        assert garbage.recv(12) == b"HTTP/1.1 400"
    command.send_signal(ending)
    out, err = command.communicate()
    assert (command.returncode, out, err) == (0, "1 × not an HTTP/1.1 request\n", "")
    assert lines[0].startswith(f":{port}  POST /v1/chat/completions  {nonce(0, 'one')}  native-sse  200  whole after ")
    assert "POST /v1/messages" in lines[1]
    assert "  404  whole after " in lines[1]
    found = list(RunFolder.open(tmp_path / "run").exchanges())
    assert [x.id for x in found] == ["000001-chat-unary", "000002-messages-unary"]
    assert not any(gw.key.encode() in path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    code, out, _ = conformance("judge", "run", cwd=tmp_path)
    assert code == 3
    assert "This recording has the upstream's side alone" in out


def test_a_port_that_is_taken_is_a_usage_error(tmp_path):
    command = started("upstream", cwd=tmp_path)
    port = command.stdout.readline().split()[2].split(":")[2].partition("/")[0]
    for words in (("upstream", "--port", port), ("gateway", "--deployment", "transparent", "--upstream-port", port)):
        code, _, err = conformance(*words, cwd=tmp_path)
        assert (code, "a free port, or 0 for any" in err) == (2, True)
    command.terminate()
    command.communicate()
