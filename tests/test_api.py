"""The public Python API: as documented, as the command, and in a user's tests."""

import asyncio
import inspect
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import get_args, get_type_hints

import httpx
import pytest

import conformance
from conformance.model.words import Api
from conformance.report.formats.registry import FORMATS
from conformance.runs.config import ARGUMENTS
from conformance.runs.options import (
    GatewaySelection,
    LimitOptions,
    LoadLimits,
    LoadSelection,
    OutputOptions,
    SelectionOptions,
    ShapeOptions,
    TargetOptions,
    VerdictOptions,
)
from conformance.runs.report import Format
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import running

ROOT = Path(__file__).parents[1]
ENVIRON = {**os.environ, "PYTHONPATH": str(ROOT), "NO_COLOR": "1"}
NOWHERE = "http://127.0.0.1:1/v1"
PRINTED = {"dry_run", "report", "format", "quiet", "verbose", "color"}
"""Options about what the command prints."""
QUESTION = {"model": "reference", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
BLOCK = re.compile(r"^```python\n(.*?)^```$", re.MULTILINE | re.DOTALL)
EXAMPLES = BLOCK.findall((ROOT / "docs/python-api.md").read_text())


def python(*words, cwd, **environ):
    command = [sys.executable, *map(str, words)]
    return subprocess.run(command, cwd=cwd, env=ENVIRON | environ, capture_output=True, text=True, check=False)


def run_pytest(path, **environ):
    words = ("-m", "pytest", "-q", "-p", "conformance.pytest_plugin", "-p", "no:cacheprovider", path)
    return python(*words, cwd=path.parent, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1", **environ)


def outcomes(report):
    return [(v.rule, v.status, v.api, v.profile, v.mode, v.probe, v.message) for v in report.verdicts]


@pytest.mark.parametrize("code", EXAMPLES, ids=lambda code: f"example-{EXAMPLES.index(code) + 1}")
def test_every_example_of_the_page_runs(code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    if "def test_" not in code:
        exec(compile(code, "docs/python-api.md", "exec"), {"__name__": "example"})  # noqa: S102 - our own page
        return
    (tmp_path / "test_example.py").write_text(code)
    ran = run_pytest(tmp_path / "test_example.py")
    assert (ran.returncode, "1 passed" in ran.stdout) == (0, True), ran.stdout


def test_every_public_name_is_on_the_page():
    page = (ROOT / "docs/python-api.md").read_text()
    for name in (*conformance.__all__, *(name for name in vars(conformance.Report) if name[0] != "_")):
        assert f"`{name}" in page, name
    for name in inspect.signature(conformance.run).parameters:
        assert f"`{name}`" in page, name


def test_every_option_of_the_command_is_an_argument():
    options = {
        field.name
        for group in (TargetOptions, SelectionOptions, LimitOptions, VerdictOptions, OutputOptions)
        for field in fields(group)
    }
    expected = {ARGUMENTS.get(name, name) for name in options - PRINTED} | {"run_dir"}
    parameters = inspect.signature(conformance.run).parameters
    assert set(parameters) == expected
    defaults = {
        f.name: f.default
        for group in (TargetOptions, SelectionOptions, LimitOptions, VerdictOptions)
        for f in fields(group)
        if f.name not in ARGUMENTS
    }
    assert {name: parameters[name].default for name in defaults if name != "dry_run"} == {
        name: default for name, default in defaults.items() if name != "dry_run"
    }


@pytest.mark.parametrize(
    ("function", "groups"),
    [
        (conformance.run_gateway, (TargetOptions, GatewaySelection, LimitOptions, VerdictOptions)),
        (conformance.run_load, (TargetOptions, LoadSelection, ShapeOptions, LoadLimits, VerdictOptions)),
    ],
)
def test_the_arguments_of_the_other_functions_are_options_of_their_commands(function, groups):
    options = {ARGUMENTS.get(field.name, field.name): field for group in groups for field in fields(group)}
    for name, parameter in inspect.signature(function).parameters.items():
        if name not in ("run_dir", "upstream_ports", "upstream_host", "wait"):
            assert name in options, name
            assert name in ARGUMENTS.values() or parameter.default == options[name].default, name


def test_the_accepted_values_are_those_of_the_command():
    hints = get_type_hints(conformance.run)
    for name in ("suite", "streaming", "unknown_fields"):
        assert hints[name] == get_type_hints(SelectionOptions)[name], name
    assert get_type_hints(conformance.run)["apis"] == Sequence[Api]
    assert get_args(Format) == tuple(FORMATS)


@pytest.mark.parametrize(("deployment", "code"), [("native-sse", 0), ("silent-json", 1)])
def test_the_command_and_the_function_agree(deployment, code, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with conformance.serve(deployment) as url:
        words = ("--base-url", url, "--model", "reference", "--suite", "smoke", "--report", "json=report.json")
        ran = python("-m", "conformance", "run", *words, "--run-dir", "run", cwd=tmp_path)
        report = conformance.run(base_url=url, model="reference", suite="smoke")
    assert (ran.returncode, report.exit_code, report.is_conformant) == (code, code, code == 0)
    judged = conformance.judge("run")
    assert judged.to_json() == (tmp_path / "report.json").read_text()
    assert ran.stdout.startswith(str(judged))
    assert outcomes(report) == outcomes(judged)
    theirs = json.loads((tmp_path / "report.json").read_text())
    ours = json.loads(report.to_json())
    for document in (theirs, ours):
        said = document["summary"]["headline"]
        document["summary"]["headline"] = [line for line in said if not line.startswith("This machine was busy")]
    assert {key: ours[key] for key in ("summary", "capabilities", "impact", "requests", "tokens")} == {
        key: theirs[key] for key in ("summary", "capabilities", "impact", "requests", "tokens")
    }


@pytest.fixture(scope="module")
def incident(tmp_path_factory):
    """The incident, in a run folder, and its report."""
    folder = tmp_path_factory.mktemp("incident") / "run"
    return folder, conformance.run(deployment="silent-json", suite="smoke", run_dir=folder)


def test_a_report_has_what_a_test_needs(incident, tmp_path):
    _, report = incident
    assert {v.rule for v in report.failures if v.level == "MUST"} == {"FLD001"}
    assert all(v.status == "fail" and not v.waived for v in report.failures)
    assert set(report.failures) < set(report.verdicts)
    assert report.capabilities["chat"]["stream"] == "dropped"
    assert any(impact.outcome == "empty_silent" for impact in report.impact)
    assert (report.stop_reason, report.headline) == ("", report.document.summary.headline)
    assert repr(report) == f"Report(target='silent-json', exit_code=1, failures={len(report.failures)})"
    report.write("json", tmp_path / "new" / "report.json")
    assert (tmp_path / "new" / "report.json").read_text() == report.to_json()
    for format in ("junit", "markdown", "html", "sarif", "github", "badge", "har"):  # noqa: A001 - the argument's name
        report.write(format, tmp_path / format)
        assert (tmp_path / format).stat().st_size


def test_the_text_has_no_colours_whatever_the_terminal(incident, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    monkeypatch.setenv("COLUMNS", "40")
    assert "\x1b" not in str(incident[1])
    assert str(incident[1]).startswith("NOT CONFORMANT  silent-json, model reference, at http://127.0.0.1:")


def test_waivers_and_strict_count_as_for_the_command(incident, tmp_path):
    folder, report = incident
    waiver = '[[waiver]]\nrule = "{}"\nreason = "known"\nuntil = 2099-01-01\n'
    (tmp_path / "waivers.toml").write_text("".join(waiver.format(rule) for rule in {v.rule for v in report.failures}))
    waived = conformance.judge(folder, waivers=tmp_path / "waivers.toml")
    assert (waived.exit_code, waived.failures) == (0, ())
    assert conformance.judge(str(folder), waivers=str(tmp_path / "waivers.toml"), strict=True).exit_code == 1
    assert conformance.run(suite="smoke", strict=True, profiles=["hermes"]).document.strict


def test_the_waivers_of_a_target_s_file_count_for_all(tmp_path):
    waiver = '[[waiver]]\nrule = "*"\nreason = "known"\nuntil = 2099-01-01\n'
    (tmp_path / "waivers.toml").write_text(waiver)
    with conformance.serve("silent-json") as url:
        target = f'[targets.t]\nbase_url = "{url}"\nmodel = "reference"\nwaivers = "waivers.toml"\n'
        (tmp_path / "targets.toml").write_text(target)
        report = conformance.run(config=tmp_path / "targets.toml", target="t", suite="smoke")
        words = ("--conformance-config", "targets.toml", "--conformance-target", "t", "--conformance-suite", "smoke")
        plugin = ("-p", "conformance.pytest_plugin", "-p", "no:cacheprovider")
        ran = python("-m", "pytest", "-q", *plugin, *words, cwd=tmp_path, PYTEST_DISABLE_PLUGIN_AUTOLOAD="1")
    assert (report.exit_code, report.document.summary.waived > 0) == (0, True)
    assert ran.returncode == 0, ran.stdout[-500:]
    waived = {(verdict.rule, verdict.api) for verdict in report.verdicts if verdict.waived}
    assert f"{len(waived)} xfailed" in ran.stdout


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"suite": "everything"}, ["suite 'everything'", "smoke, gate, full, fields"]),
        ({"streaming": "no"}, ["streaming 'no'", "required, stopgap-ok"]),
        ({"base_url": NOWHERE}, ["model is missing", "base_url needs"]),
        ({"base_url": 7, "model": "m"}, ["base_url=7", "a string"]),
        ({"base_url": "https://me:s3cret@h/v1", "model": "m"}, ["base_url contains", "api_key_env"]),
        ({"model": "m"}, ["model m needs base_url URL"]),
        ({"api_key_env": "NO_SUCH_KEY"}, ["api_key_env NO_SUCH_KEY", "not set"]),
        ({"api_key_env": "sk-s3cret"}, ["api_key_env;", "the name of an environment variable, not the key"]),
        ({"config": "nowhere.toml", "target": "t"}, ["nowhere.toml", "No such file"]),
        ({"deployment": "nowhere"}, ["deployment 'nowhere'", "native-sse"]),
        ({"defect": "no-don"}, ["defect no-don", "no-done"]),
        ({"apis": "chat"}, ["apis='chat'", "a list"]),
        ({"apis": ["chats"]}, ["apis 'chats'", "chat, messages, responses"]),
        ({"profiles": ["nobody"]}, ["profiles 'nobody'", "langgraph"]),
        ({"profiles": [None]}, ["profiles=None", "a string"]),
        ({"paths": {"chat": "inference"}}, ["paths 'chat=inference'", "API=/PATH"]),
        ({"paths": {"chat": None}}, ["paths=None", "a string"]),
        ({"paths": "chat=/inference"}, ["paths='chat=/inference'", "a mapping"]),
        ({"concurrency": 0}, ["concurrency=0; accepted: a number above 0"]),
        ({"concurrency": True}, ["concurrency=True", "an integer"]),
        ({"timeout": float("nan")}, ["timeout=nan", "a number above 0"]),
        ({"timeout": "5"}, ["timeout='5'", "a number"]),
        ({"max_requests": 1.5}, ["max_requests=1.5", "an integer"]),
        ({"price_input": -1}, ["price_input=-1", "0 or more"]),
        ({"base_url": NOWHERE, "model": "m", "max_cost": 1}, ["max_cost needs prices", "price_input"]),
        ({"select": ["FLD0001"]}, ["select 'FLD0001'", "FLD001"]),
        ({"ignore": "FLD"}, ["ignore='FLD'", "a list"]),
        ({"fail_on": ["may"]}, ["fail_on 'may'", "must, should, untestable, stale-waiver"]),
        ({"strict": "yes"}, ["strict='yes'", "True or False"]),
        ({"waivers": "nowhere.toml"}, ["nowhere.toml", "No such file"]),
        ({"run_dir": ROOT}, [f"run_dir {ROOT}", "a new or empty folder"]),
        ({"run_dir": 3}, ["run_dir=3", "a path"]),
    ],
    ids=lambda given: "-".join(map(str, given)),
)
def test_a_wrong_argument_is_refused_by_name(given, words):
    with pytest.raises(conformance.ConfigError) as caught:
        conformance.run(**given)
    for word in words:
        assert word in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert "--" not in str(caught.value)


def test_the_other_functions_refuse_wrong_arguments_by_name(incident, tmp_path):
    case = {"probe": "chat.fuzz.no-json.a-list", "mode": "unary"}
    for call, words in (
        (lambda: conformance.judge(tmp_path), "accepted: a run folder"),
        (lambda: conformance.judge(None), "path=None; accepted: a path"),
        (lambda: conformance.judge(incident[0], waivers="nowhere.toml"), "nowhere.toml"),
        (lambda: conformance.serve("nowhere"), "deployment 'nowhere'"),
        (lambda: conformance.serve(defect="nothing"), "defect nothing"),
        (lambda: conformance.serve(port=70_000), "port=70000; accepted: 0 to 65535"),
        (lambda: incident[1].write("pdf", tmp_path / "x"), "format 'pdf'"),
        (lambda: incident[1].write("json", tmp_path), "the path is a folder"),
        (lambda: conformance.resend(b"", **case | {"probe": "chat"}), "accepted: API.KIND"),
        (lambda: conformance.resend(b"", **case | {"mode": "both"}), "mode 'both'"),
        (lambda: conformance.resend("[]", **case), "body='[]'; accepted: bytes"),
        (lambda: conformance.resend(b"", **case, base_url=NOWHERE), "model is missing"),
    ):
        with pytest.raises(conformance.ConfigError) as caught:
            call()
        assert words in str(caught.value)


def test_an_unreachable_target_is_a_report(tmp_path):
    report = conformance.run(base_url=NOWHERE, model="m", run_dir=tmp_path / "run")
    assert (report.exit_code, report.is_conformant, report.failures) == (3, False, ())
    assert "refused" in report.stop_reason
    assert str(report).startswith("NOT TESTED")
    assert conformance.judge(tmp_path / "run").exit_code == 3
    case = {"probe": "chat.fuzz.no-json.a-list", "mode": "unary"}
    assert conformance.resend(b"[]", base_url=NOWHERE, model="m", **case).exit_code == 3


def test_a_key_is_sent_and_is_in_no_report(monkeypatch, tmp_path):
    monkeypatch.setenv("MY_KEY", "sk-right-0123456789")
    with running(DEPLOYMENTS["silent-json"], key="sk-right-0123456789") as url:
        report = conformance.run(base_url=url, model="reference", api_key_env="MY_KEY", suite="smoke")
        monkeypatch.setenv("MY_KEY", "sk-wrong-0123456789")
        refused = conformance.run(base_url=url, model="reference", api_key_env="MY_KEY", suite="smoke")
    assert (report.exit_code, refused.exit_code) == (1, 3)
    assert "HTTP 401" in refused.stop_reason
    assert "$MY_KEY" in str(report)
    for one in (report, refused):
        for format in FORMATS:  # noqa: A001 - the argument's name
            one.write(format, tmp_path / format)
            assert "0123456789" not in (tmp_path / format).read_text()
        assert "0123456789" not in str(one) + repr(one)


def test_runs_in_threads_do_not_mix():
    with ThreadPoolExecutor(4) as threads:
        names = ("native-sse", "silent-json") * 2
        reports = list(threads.map(lambda name: conformance.run(deployment=name, suite="smoke"), names))
    assert [report.exit_code for report in reports] == [0, 1, 0, 1]
    assert [report.document.target.name for report in reports] == [*names]


def test_an_interrupt_stops_the_caller_and_keeps_the_recording(tmp_path):
    (tmp_path / "user.py").write_text(
        "import threading, signal, conformance\n"
        "from conformance.storage.folder import RunFolder\n"
        "write = RunFolder.write\n"
        "def interrupt(self, exchange):\n"
        "    write(self, exchange)\n"
        "    signal.raise_signal(signal.SIGINT)\n"
        "RunFolder.write = interrupt\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "try:\n"
        "    conformance.run(suite='smoke', run_dir='run')\n"
        "except KeyboardInterrupt:\n"
        "    print(conformance.judge('run').exit_code)\n"
    )
    ran = python("user.py", cwd=tmp_path)
    assert (ran.stdout, ran.returncode) == ("130\n", 0), ran.stderr


def test_a_running_event_loop_is_refused_and_a_thread_is_not():
    async def main():
        for call in (
            lambda: conformance.run(suite="smoke"),
            lambda: conformance.resend(b"[]", probe="chat.fuzz.no-json.a-list", mode="unary"),
        ):
            with pytest.raises(RuntimeError, match=r"await asyncio\.to_thread\((run|resend), "):
                call()
        with conformance.serve() as url:  # has its own thread: the event loop continues
            async with httpx.AsyncClient(trust_env=False) as client:
                assert (await client.get(f"{url}/models")).status_code == 200
            return await asyncio.to_thread(conformance.run, base_url=url, model="reference", suite="smoke")

    assert asyncio.run(main()).exit_code == 0


def test_a_server_serves_what_it_is_told_until_the_end():
    with conformance.serve(defect="no-done") as url, httpx.Client(trust_env=False) as client:
        assert url.endswith("/v1")
        assert "[DONE]" not in client.post(f"{url}/chat/completions", json=QUESTION).text
        with conformance.serve() as other:
            assert "[DONE]" in client.post(f"{other}/chat/completions", json=QUESTION).text
    port = httpx.URL(url).port
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))
    with conformance.serve(port=port) as url:
        assert httpx.URL(url).port == port
        with pytest.raises(conformance.ConfigError, match=f"port={port}: Address already in use"):
            conformance.serve(port=port).__enter__()
    with pytest.raises(OSError, match="of the user"), conformance.serve():
        raise OSError("of the user")


def test_the_fixture_starts_servers_and_ends_them_after_the_test(tmp_path):
    (tmp_path / "test_client.py").write_text(
        "import socket, httpx, pytest\n"
        "urls = []\n"
        f"question = {QUESTION!r}\n"
        "def test_two(conformance_server):\n"
        "    urls.extend((conformance_server('native-sse', defect='no-done'), conformance_server()))\n"
        "    a, b = (httpx.post(f'{url}/chat/completions', json=question, trust_env=False).text for url in urls)\n"
        "    assert '[DONE]' not in a and '[DONE]' in b\n"
        "def test_they_are_gone():\n"
        "    for url in urls:\n"
        "        with pytest.raises(ConnectionRefusedError):\n"
        "            socket.create_connection(('127.0.0.1', httpx.URL(url).port))\n"
        "    assert len(urls) == 2\n"
        "def test_wrong(conformance_server):\n"
        "    conformance_server('nowhere')\n"
    )
    ran = run_pytest(tmp_path / "test_client.py")
    assert "1 failed, 2 passed" in ran.stdout, ran.stdout
    assert "deployment 'nowhere' is not known" in ran.stdout


def test_importing_the_package_imports_nothing_else(tmp_path):
    code = (
        "import sys, conformance\n"
        "assert not [name for name in sys.modules if name.startswith('conformance.')], sys.modules\n"
        "assert {*conformance.__all__} < {*dir(conformance)}\n"
        "assert not [name for name in sys.modules if name.startswith('conformance.')], sys.modules\n"
    )
    assert python("-c", code, cwd=tmp_path).stderr == ""
    with pytest.raises(AttributeError, match="'execute'"):
        _ = conformance.execute


def test_a_client_test_loads_no_rules(tmp_path):
    code = (
        "import sys, conformance\n"
        "with conformance.serve():\n"
        "    print({*sys.modules} & {'conformance.catalogue', 'conformance.judging', 'cyclopts'})\n"
    )
    assert python("-c", code, cwd=tmp_path).stdout == "set()\n"
