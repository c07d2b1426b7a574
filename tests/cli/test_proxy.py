"""The command proxy, with the real SDKs in front of it and embedded deployments behind it."""

import contextlib
import http.client
import json
import signal
from types import SimpleNamespace

import httpx
import pytest

from conformance.model.words import FACETS
from conformance.storage.folder import RunFolder
from conformance.testbed.mutations import changes
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import running

KEY = "sk-proxied-0123456789abcdef"
ASK = {"model": "reference", "messages": [{"role": "user", "content": "Hi"}]}


@contextlib.contextmanager
def proxied(shell, folder, upstream, *words, ending=signal.SIGTERM):
    """The proxy in front of a server; after the block it has ended, with its exit code and what it printed."""
    command = shell.start("proxy", "--upstream", upstream, "--run-dir", "run", *words, cwd=folder)
    try:
        first = [command.stdout.readline() for _ in range(3)]
        run = SimpleNamespace(
            url=first[1].split(": ")[1].split(";")[0], first=first, folder=folder / "run", command=command
        )
        yield run
        command.send_signal(ending)
        run.out = command.stdout.read()
        run.code = command.wait()
    finally:
        command.kill()
        command.stdout.close()
        command.wait()


@pytest.fixture(scope="module")
def openai_client(openai):
    """Make a client of a base URL."""
    return lambda url: openai.OpenAI(base_url=url, api_key=KEY, max_retries=0)


@pytest.fixture(scope="module")
def judged(shell, tmp_path_factory, openai_client, anthropic):
    """Traffic of the real SDKs with a deployment that ignores `stream`, and an ended proxy."""
    folder = tmp_path_factory.mktemp("proxied")
    with (
        running(DEPLOYMENTS["silent-json"]) as upstream,
        proxied(shell, folder, upstream, "--report", "json=r.json") as run,
    ):
        client = openai_client(run.url)
        run.text = client.chat.completions.create(**ASK).choices[0].message.content
        run.events = list(client.chat.completions.create(stream=True, **ASK))
        run.models = [model.id for model in client.models.list()]
        other = anthropic.Anthropic(base_url=run.url.removesuffix("/v1"), api_key=KEY, max_retries=0)
        run.message = other.messages.create(max_tokens=99, **ASK).content[0].text
        client.close()
        other.close()
        run.line = run.command.stdout.readline()
    run.report = json.loads((folder / "r.json").read_text())
    return run


def test_the_sdks_get_what_the_server_sends(judged):
    assert judged.text == judged.message == "Hello! How can I help you today?"
    assert judged.events == []
    assert judged.models == ["reference"]


def test_a_failure_is_printed_as_it_happens(judged):
    assert judged.line.startswith(
        "FLD001  MUST    stream: true is honoured or rejected, not silently ignored  (000002-chat-"
    )
    assert judged.line.endswith(" reference)\n")


def test_the_report_at_the_end_is_that_of_the_recording(judged, shell):
    assert judged.code == 1
    failed = [v["rule"] for v in judged.report["verdicts"] if v["status"] == "fail" and v["level"] == "MUST"]
    assert failed == ["FLD001"]
    assert judged.report["requests"] == 3
    assert "1 request to other paths (GET " in judged.out
    again = shell("judge", "run", "--report", "json=again.json", cwd=judged.folder.parent)
    assert again.code == 1
    assert json.loads((judged.folder.parent / "again.json").read_text()) == judged.report


def test_each_exchange_says_who_sent_it_to_whom(judged):
    found = list(RunFolder.open(judged.folder).exchanges())
    assert [x.id for x in found] == ["000001-chat-unary", "000002-chat-stream", "000003-messages-unary"]
    assert {x.origin.model for x in found} == {"reference"}
    assert [x.origin.client.split("/")[0] for x in found] == ["OpenAI", "OpenAI", "Anthropic"]
    assert all(x.recorded == FACETS for x in found)


def test_no_key_is_written(judged):
    files = [path for path in judged.folder.parent.rglob("*") if path.is_file()]
    assert len(files) > 9
    assert not any(KEY.encode() in path.read_bytes() for path in files)


def test_a_server_without_failures_ends_with_0_at_ctrl_c(shell, tmp_path):
    with (
        running(DEPLOYMENTS["native-sse"]) as upstream,
        proxied(shell, tmp_path, upstream, ending=signal.SIGINT) as run,
    ):
        # Read to the end of the body: an SDK may leave after [DONE], and a response that is not whole is not judged.
        text = httpx.post(f"{run.url}/chat/completions", json=ASK | {"stream": True}, timeout=None).text
    assert text.endswith("data: [DONE]\n\n")
    assert run.code == 0
    assert run.out.startswith("NO MUST FAILED")


def test_a_stream_that_is_reset_is_reset_for_the_sdk_too(shell, tmp_path, openai, openai_client):
    with (
        running(DEPLOYMENTS["native-sse"], [changes.find("stream-reset")]) as upstream,
        proxied(shell, tmp_path, upstream) as run,
        openai_client(run.url) as client,
        pytest.raises(openai.APIConnectionError),
    ):
        list(client.chat.completions.create(stream=True, **ASK))
    assert run.code == 1
    assert next(RunFolder.open(run.folder).exchanges()).ending.how == "reset"


def test_an_upstream_that_can_not_be_reached_is_not_judged(shell, tmp_path, openai, openai_client):
    with (
        proxied(shell, tmp_path, "http://127.0.0.1:9/v1") as run,
        openai_client(run.url) as client,
        pytest.raises(openai.InternalServerError) as caught,
    ):
        client.chat.completions.create(**ASK)
    assert caught.value.status_code == 502
    assert caught.value.code == "upstream_unreachable"
    assert "the upstream 127.0.0.1:9 can't be reached: the connection was refused" in str(caught.value)
    assert run.code == 3
    assert "Responses of the proxy itself: 1 × the upstream 127.0.0.1:9 can't be reached" in run.out
    assert list(RunFolder.open(run.folder).exchanges()) == []


def test_a_request_to_the_wrong_path_is_passed_on_and_named(shell, tmp_path):
    with running(DEPLOYMENTS["native-sse"]) as upstream, proxied(shell, tmp_path, upstream) as run:
        host, port = run.url.split("/")[2].split(":")
        connection = http.client.HTTPConnection(host, int(port))
        connection.request("GET", "/nowhere?api_key=abcdef123456")
        assert connection.getresponse().status == 404
        connection.close()
    assert run.code == 3
    assert "/nowhere 1" in run.out
    assert "abcdef123456" not in (run.folder / "run.json").read_text()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--upstream", "a:b"), "--upstream 'a:b' is not valid; accepted: http://HOST[:PORT][/PATH]"),
        (("--upstream", "http://a/v1/messages"), "is the API's own path; accepted: http://a/v1"),
        (("--upstream", "http://a", "--port", "70000"), "Accepted: 0 to 65535."),
        (("--upstream", "https://a", "--cacert", "/nowhere"), "--cacert /nowhere: No such file or directory"),
        (("--upstream", "https://a", "--insecure", "--cacert", "/x"), "--insecure excludes --cacert"),
        (("--upstream", "http://a", "--host", "192.0.2.1"), "--host 192.0.2.1 --port 0: "),
        ((), "upstream"),
    ],
)
def test_mistakes_are_named(command, words, said):
    code, _, err = command("proxy", *words)
    assert code == 2
    assert said in err


def test_the_help_says_how_it_ends(shell, tmp_path):
    assert "Ctrl-C is the usual end" in " ".join(shell("proxy", "--help", cwd=tmp_path).out.split())
