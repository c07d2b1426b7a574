import shlex
import subprocess
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread

import pytest

from conformance.model.case import named_case
from conformance.model.exchange import Exchange
from conformance.model.target import Target
from conformance.report import curl
from conformance.rules.rsp.websocket_example import answered, conversation, create

TARGET = Target(base_url="https://api.example/v1", model="m", key_env="MY_KEY")


def sent(body, *headers, path="/v1/chat/completions", host="api.example"):
    lines = (f"POST {path} HTTP/1.1", f"Host: {host}", *headers, f"Content-Length: {len(body)}", "", "")
    return Exchange(id="x1", case=named_case("chat.hello", "p", "stream"), sent="\r\n".join(lines).encode() + body)


def test_the_key_is_a_variable_and_the_rest_stays_as_it_was_sent():
    x = sent(b'{"a":"it\'s $HOME"}', "Authorization: Bearer *************", "content-type: application/json")
    line = curl.line(x, TARGET)
    assert '-H "Authorization: Bearer $MY_KEY"' in line
    assert "https://api.example/v1/chat/completions" in line
    assert shlex.split(line)[-1] == '{"a":"it\'s $HOME"}'


def test_characters_beyond_ascii_in_a_header_stay_what_they_are():
    line = curl.line(sent(b"{}", "x-name: Zürich", host="bücher.example"), TARGET)
    assert "x-name: Zürich" in line
    assert "bücher.example/v1" in line


def test_self_reports_of_sdks_and_what_curl_makes_itself_are_left_out():
    line = curl.line(sent(b"{}", "x-stainless-lang: python", "Connection: close", "user-agent: A/1"), TARGET)
    assert "stainless" not in line
    assert "Connection" not in line
    assert "user-agent: A/1" in line


@pytest.mark.parametrize("body", [b"x" * 50_000, b"\xff\x00", b"@/etc/passwd"])
def test_a_body_that_no_line_can_hold_comes_from_the_run_folder(body):
    x = sent(body)
    line = curl.line(x, TARGET, "runs/my run")
    start = x.sent.index(b"\r\n\r\n") + 5
    assert line.startswith(f"tail -c +{start} 'runs/my run/exchanges/x1/sent.bin' |")
    assert line.endswith("--data-binary @-")


def test_hostile_bytes_in_a_request_cannot_leave_their_quotes():
    x = sent(b"'; touch /tmp/owned; '", 'x-a: `id` $(id) "', "authorization: Bearer *********`id`")
    words = shlex.split(curl.line(x, TARGET))
    assert 'x-a: `id` $(id) "' in words
    assert "authorization: Bearer $MY_KEY`id`" in words
    assert words[-1] == "'; touch /tmp/owned; '"


def test_a_shell_sends_the_same_request_again(tmp_path):
    received = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            received.append((self.path, self.headers["authorization"], self.headers["content-type"], body))
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_):
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        host = f"127.0.0.1:{server.server_port}"
        target = Target(base_url=f"http://{host}/v1", model="m", key_env="MY_KEY")
        for body in (b'{"n":1}', b"long " * 1000):
            x = sent(body, "authorization: Bearer ******", host=host)
            folder = tmp_path / "exchanges" / "x1"
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "sent.bin").write_bytes(x.sent)
            line = curl.line(x, target, str(tmp_path))
            subprocess.run(["/bin/sh", "-c", line], check=True, env={"MY_KEY": "s3cret", "PATH": "/usr/bin:/bin"})
            assert received.pop() == ("/v1/chat/completions", "Bearer s3cret", None, body)
        server.shutdown()


def test_of_a_websocket_the_handshake_is_repeated():
    line = curl.line(conversation((create(), answered())), TARGET)
    assert line.startswith("curl -sSgiN -X GET http")
    assert "Upgrade: websocket" in line
    assert "data-binary" not in line
    asked = sent(b"", "Connection: Upgrade", "Upgrade: websocket")
    assert "-H 'Connection: Upgrade'" in curl.line(asked, TARGET)
