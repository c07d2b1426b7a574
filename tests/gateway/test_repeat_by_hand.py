"""What a report says of repeating a request by hand: the commands that it prints work as they are."""

import os
import random
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
ENVIRON = {**os.environ, "PYTHONPATH": str(CHECKOUT), "COLUMNS": "120", "NO_COLOR": "1"}
CONFORMANCE = [sys.executable, "-m", "conformance"]


USUAL = range(20_000, 30_000)
"""Ports that no system takes for connections to other servers, so that they are not taken meanwhile."""


def free_port():
    for port in random.sample(USUAL, 100):
        with socket.socket() as sock:
            if sock.connect_ex(("127.0.0.1", port)):
                return port
    raise AssertionError("no free port")


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """The folder of a run through the embedded gateway with a defect, and what was printed."""
    folder = tmp_path_factory.mktemp("by-hand")
    words = ["gateway", "--defect", "cap-dropped", "--api", "chat", "--suite", "smoke", "--select", "GW001"]
    ran = subprocess.run([*CONFORMANCE, *words], cwd=folder, env=ENVIRON, capture_output=True, text=True, check=False)
    assert ran.returncode == 1, ran.stderr
    return folder, ran.stdout


def test_the_curl_line_repeats_the_request_once_upstream_and_gateway_are_served_again(said):
    folder, text = said
    (again,) = re.findall(
        r"^To run the curl commands, serve upstream and gateway again: conformance (.*)$", text, re.MULTILINE
    )
    (curl,) = re.findall(r"^  reproduce         (.*)$", text, re.MULTILINE)
    for port in re.findall(r"port (\d+)", again):  # another process may have taken it since
        new = str(free_port())
        again, curl = again.replace(port, new), curl.replace(port, new)
    nonce = re.search(r"\b(q[a-z2-7]{15}):", curl)[1]
    with subprocess.Popen(
        [*CONFORMANCE, *again.split()], cwd=folder, env=ENVIRON, stdout=subprocess.PIPE, text=True
    ) as it:
        try:
            for line in it.stdout:
                if line.startswith("embedded gateway in front of it at "):
                    break
            got = subprocess.run(curl, shell=True, cwd=folder, capture_output=True, text=True, check=True)  # noqa: S602
            arrived = it.stdout.readline()
        finally:
            it.terminate()
    assert got.stdout.startswith("HTTP/1.1 200 ")
    assert re.search(rf" {nonce}  [a-z0-9.-]+  200  whole ", arrived)


def test_the_bytes_upstream_are_where_the_report_says(said):
    folder, text = said
    path = folder / re.search(r"^  bytes upstream    (.*)$", text, re.MULTILINE)[1]
    sent = (folder / re.search(r"^Recording: (\S+)", text, re.MULTILINE)[1]).glob("exchanges/*-unary/sent.bin")
    assert b"max_tokens" not in path.read_bytes()
    assert any(b"max_tokens" in one.read_bytes() for one in sent)


def test_a_defect_of_the_gateway_needs_the_gateway():
    words = ["upstream", "--defect", "cap-dropped"]
    ran = subprocess.run([*CONFORMANCE, *words], env=ENVIRON, capture_output=True, text=True, check=False)
    assert ran.returncode == 2
    assert "--gateway-port" in ran.stderr
