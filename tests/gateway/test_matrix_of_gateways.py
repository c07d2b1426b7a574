"""Targets with upstream ports are gateways: they are tested from both sides, and the matrix has their promises."""

import re
import socket
from contextlib import ExitStack, closing

import pytest
from anyio.from_thread import start_blocking_portal

from conformance.cli.main import app
from conformance.testbed.gateway import changes
from conformance.testbed.gateway.handling import TRANSPARENT
from conformance.testbed.gateway.serve import serve_gateway

TARGET = """
[targets.{name}]
base_url = "{url}"
model = "our-model"
apis = ["chat"]
upstream_ports = [{port}]
"""


def free_port():
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        return free.getsockname()[1]


@pytest.fixture
def config(tmp_path):
    """A targets file with two gateways, one of which drops a field."""
    with start_blocking_portal() as portal, ExitStack() as stack:

        def target(change):
            port = free_port()
            serving = portal.wrap_async_context_manager(serve_gateway([f"http://127.0.0.1:{port}"], change))
            return TARGET.format(name=change.name, url=stack.enter_context(serving), port=port)

        path = tmp_path / "targets.toml"
        path.write_text(target(TRANSPARENT) + target(changes.find("cap-dropped")))
        yield path


def test_a_matrix_shows_which_gateway_keeps_which_promise(config, tmp_path, capsys):
    code = app(["matrix", "--config", str(config), "--suite", "smoke", "--out", str(tmp_path / "site")])
    assert code == 1, capsys.readouterr()
    index = (tmp_path / "site/index.html").read_text()
    (row,) = re.findall(r'<tr data-find="GW001[^>]*>.*?</tr>', index)
    kept, broken = re.findall(r'<td class="(\w+)"><a href="([^"]*)"', row)
    assert kept == ("good", "targets/transparent.html#verdicts")
    assert broken == ("bad", "targets/cap-dropped.html#GW001")
    assert 'id="GW001"' in (tmp_path / "site/targets/cap-dropped.html").read_text()


def test_a_target_names_the_ports_of_its_upstreams(config, tmp_path, capsys):
    named = ["--config", str(config), "--target", "cap-dropped", "--suite", "smoke"]
    code = app(["gateway", *named, "--run-dir", str(tmp_path / "run"), "-q"])
    assert (code, "NOT CONFORMANT" in capsys.readouterr().out) == (1, True)
