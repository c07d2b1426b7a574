"""The exchanges of a run: listed, shown byte for byte, and sent again."""

import json
import shutil

import pytest

from conformance.fuzz.resend import recorded_request
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.rules.rsp.websocket_example import answered, conversation, create
from conformance.storage.folder import RunFolder
from conformance.testbed.server.deployments import DEPLOYMENTS
from conformance.testbed.server.serve import running

HELLO = "chat.hello-hermes-stream"
KEY = "sk-right-0123456789"
TEAM = "blue-0123456789"
TARGET = Target(base_url="http://example/v1", model="m")


def edited(run, path, **changes):
    """A copy of a run whose facts say something else about the target."""
    shutil.copytree(run, path)
    facts = json.loads((path / "run.json").read_bytes())
    facts["target"] |= changes
    (path / "run.json").write_text(json.dumps(facts))
    return path


def recorded(folder, name):
    return RunFolder.open(folder).exchange(name)


def without_host(sent):
    return [line for line in sent.split(b"\r\n") if not line.startswith(b"Host:")]


@pytest.fixture
def keyed(shell, tmp_path):
    """A run on a server that needs a key, with a header of its own, and that server's URL."""
    with running(DEPLOYMENTS["native-sse"], key=KEY) as url:
        words = ("run", url, "--model", "reference", "--api-key-env", "RUN_KEY", "-H", f"X-Team: {TEAM}")
        ran = shell(*words, "--suite", "smoke", "--run-dir", "run", cwd=tmp_path, RUN_KEY=KEY)
        assert ran.code == 0, ran.out
        yield url


def test_show_lists_every_exchange_with_status_time_and_bytes(command, incident):
    code, out, _ = command("show", incident.run)
    folder = RunFolder.open(incident.run)
    rows = [line.split() for line in out.splitlines()]
    assert code == 0
    assert [row[0] for row in rows] == list(folder.ids())
    for name, status, _, ms, size, raw in rows:
        assert (ms, raw) == ("ms", "bytes")
        assert int(status) in (200, 400)
        assert int(size) == len(folder.exchange(name).received)


def test_show_has_every_byte_of_an_exchange_and_the_time_of_each_read(command, incident):
    code, out, _ = command("show", incident.run, HELLO, "--whole")
    x = recorded(incident.run, HELLO)
    lines = out.splitlines()
    assert code == 0
    assert "> POST /v1/chat/completions HTTP/1.1\\r\\n" in lines
    assert "< content-type: application/json\\r\\n" in lines
    reads = [line for line in lines if line.startswith("+")]
    assert reads == [f"+{a.at_ns / 1e6:.1f} ms, {a.length} bytes" for a in x.arrivals]
    shown = "".join(line[2:] for line in lines if line.startswith("< "))
    assert shown.encode().decode("unicode_escape").encode("latin-1") == x.received


def test_show_lets_no_control_character_of_the_target_through(command, incident, tmp_path):
    run = shutil.copytree(incident.run, tmp_path / "hostile")
    file = run / "exchanges" / HELLO / RunFolder.open(run).received_name
    file.write_bytes(file.read_bytes().replace(b"reference", b"\x1b[31mred\x07", 1))
    _, out, _ = command("show", run, HELLO)
    assert "\\x1b[31mred\\x07" in out
    assert "\x1b" not in out


def test_show_colours_on_request_and_shortens_long_requests(command, incident):
    short, whole = (command("show", incident.run, HELLO, *words)[1] for words in ((), ("--whole",)))
    assert " bytes)…" in short
    assert " bytes)…" not in whole
    assert "\x1b[36m> POST" in command("show", incident.run, HELLO, "--color", "always")[1]


@pytest.mark.parametrize("verb", ["show", "replay"])
def test_an_exchange_that_is_not_there_is_refused_with_near_ones(command, incident, tmp_path, verb):
    code, out, err = command(verb, incident.run, "chat.hello-hermes-streem")
    assert (code, out) == (2, "")
    assert HELLO in err
    code, _, err = command(verb, tmp_path / "nowhere", HELLO)
    assert code == 2
    assert "nowhere" in err


def test_a_replay_sends_the_recorded_bytes_and_judges_the_response(shell, incident, tmp_path):
    ran = shell("replay", incident.run, HELLO, "--deployment", "silent-json", "--run-dir", "again", cwd=tmp_path)
    before, after = recorded(incident.run, HELLO), recorded(tmp_path / "again", f"{HELLO}-again")
    assert ran.code == 1
    assert "FLD001 MUST" in ran.out
    assert "chat.hello stream (hermes" in ran.out
    assert without_host(after.sent) == without_host(before.sent)
    fixed = shell("replay", incident.run, HELLO, "--deployment", "native-sse", cwd=tmp_path)
    assert fixed.code == 0, fixed.out


def test_a_replay_without_a_target_says_where_the_request_goes(command, incident):
    code, out, err = command("replay", incident.run, HELLO)
    url = RunFolder.open(incident.run).facts().target.base_url
    assert err.startswith(f"No target was given: the request is sent to {url} again.\n")
    assert (code, f"could not be reached at {url}" in out) == (3, True)


def test_a_replay_needs_the_key_and_the_headers_by_name_before_it_sends_them_again(shell, keyed, tmp_path):
    words = ("replay", "run", HELLO, "--run-dir", "again")
    ran = shell(*words, cwd=tmp_path, RUN_KEY=KEY)
    assert (ran.code, ran.out) == (2, "")
    assert f"to send it to {keyed} again, add --api-key-env RUN_KEY" in ran.err
    ran = shell(*words, "--api-key-env", "RUN_KEY", cwd=tmp_path, RUN_KEY=KEY)
    assert ran.code == 2
    assert "add --header 'X-Team: VALUE'" in ran.err
    ran = shell(*words, "--api-key-env", "RUN_KEY", "-H", f"X-Team: {TEAM}", cwd=tmp_path, RUN_KEY=KEY)
    assert ran.code == 0, ran.out
    again = recorded(tmp_path / "again", f"{HELLO}-again")
    assert b"\r\nAuthorization: Bearer " + b"*" * len(KEY) + b"\r\n" in again.sent
    assert b"\r\nX-Team: " + b"*" * len(TEAM) + b"\r\n" in again.sent
    for path in tmp_path.rglob("*"):
        text = path.read_bytes() if path.is_file() else b""
        assert KEY.encode() not in text
        assert TEAM.encode() not in text


def test_a_replay_to_another_target_sends_no_key_that_is_not_named(shell, keyed, tmp_path):
    with running(DEPLOYMENTS["native-sse"], key=KEY) as other:
        words = ("replay", "run", HELLO, "--base-url", other)
        ran = shell(*words, cwd=tmp_path, RUN_KEY=KEY)
        assert ran.code == 3
        assert "rejected the API key" in ran.out
        named = shell(*words, "--api-key-env", "RUN_KEY", cwd=tmp_path, RUN_KEY=KEY)
    assert named.code == 0, named.out
    assert keyed not in named.out


def test_a_replay_refuses_what_one_request_does_not_show_and_a_path_elsewhere(command, incident, tmp_path):
    code, _, err = command("replay", incident.run, "chat.preflight.smallest", "--deployment", "native-sse")
    assert code == 2
    assert "shows nothing on its own" in err
    moved = edited(incident.run, tmp_path / "moved", base_url="http://127.0.0.1:1/elsewhere")
    code, _, err = command("replay", moved, HELLO)
    assert code == 2
    assert "was not sent to a path below http://127.0.0.1:1/elsewhere" in err


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/v1\x1b[31m", "file:///etc/passwd", "http://me:s3cret@h/v1"])
def test_a_recording_with_a_hostile_target_is_refused(command, incident, tmp_path, url):
    code, out, err = command("replay", edited(incident.run, tmp_path / "hostile", base_url=url), HELLO)
    assert (code, out) == (2, "")
    assert "the recorded base URL" in err
    assert "\x1b" not in err
    assert "s3cret" not in err


def test_a_conversation_over_a_websocket_is_shown_in_messages_and_not_sent_again(command, tmp_path):
    x = conversation((create(), answered()))
    folder = RunFolder.create(tmp_path / "run")
    folder.write(x)
    folder.write_facts(RunManifest(tool="t", started="2026-01-01T00:00:00Z", target=TARGET, suite="full", profiles=()))
    code, out, _ = command("show", tmp_path / "run", x.id)
    assert code == 0
    assert '> {"type":"response.create"' in out.replace(" ", "").replace(">{", "> {")
    with pytest.raises(ValueError, match="shows nothing on its own"):
        recorded_request(x, TARGET, TARGET)
