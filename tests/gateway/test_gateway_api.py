"""The Python API: run_gateway means what `conformance gateway` means."""

import asyncio
import inspect

import pytest

import conformance
from conformance.cli.commands.gateway import gateway
from conformance.runs.config import ARGUMENTS

SAID = {"deployment": "transparent", "apis": ["chat"], "suite": "smoke"}
LEFT_TO_THE_COMMAND = {"target", "selection", "limits", "verdict", "output"}


def test_a_transparent_gateway_is_conformant_in_memory_and_in_a_folder(tmp_path):
    unstored = conformance.run_gateway(**SAID)
    stored = conformance.run_gateway(**SAID, run_dir=tmp_path / "run")
    assert (unstored.exit_code, stored.exit_code) == (0, 0)
    assert {v.rule for v in unstored.verdicts} == {v.rule for v in stored.verdicts}
    assert any(v.rule.startswith("GW") for v in stored.verdicts)
    assert conformance.judge(tmp_path / "run").exit_code == 0


def test_a_gateway_that_is_not_there_is_not_tested():
    report = conformance.run_gateway(base_url="http://127.0.0.1:9/v1", model="m", wait=0.1)
    assert report.exit_code == 3
    assert "the connection was refused" in report.stop_reason


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({}, "base_url is missing"),
        (SAID | {"suite": "fields"}, "suite 'fields' is not known; accepted: smoke, gate, full"),
        (SAID | {"upstream_ports": [70000]}, r"upstream_ports=\(70000,\); accepted: numbers from 0 to 65535"),
        (SAID | {"wait": -1}, "wait=-1; accepted: a number above 0"),
        (SAID | {"defect": "no-such"}, "no-such.* is not known"),
        (SAID | {"upstream_ports": [1], "upstream_host": "192.0.2.1"}, "upstream_ports.*a free port"),
    ],
)
def test_what_is_wrong_is_named_before_anything_is_sent(said, message):
    with pytest.raises(conformance.ConfigError, match=message):
        conformance.run_gateway(**said)


def test_every_option_of_the_command_itself_is_an_argument():
    own = set(inspect.signature(gateway).parameters) - LEFT_TO_THE_COMMAND
    arguments = set(inspect.signature(conformance.run_gateway).parameters)
    assert {ARGUMENTS.get(name, name) for name in own} <= arguments
    assert arguments - {"upstream_ports", "upstream_host", "wait"} < set(inspect.signature(conformance.run).parameters)


def test_a_running_event_loop_is_not_blocked():
    async def called():
        with pytest.raises(RuntimeError, match="run_gateway"):
            conformance.run_gateway(**SAID)

    asyncio.run(called())
