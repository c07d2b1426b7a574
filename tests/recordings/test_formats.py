"""Each format is read as the same exchanges."""

import base64
import gzip
import json

import pytest
import yaml
from recording_files import ASKED, COMPLETION, DATE, EXCHANGES, FORMATS, JSON, STREAM, exchange, har, vcrpy, vcrpy_yaml

from conformance import catalogue
from conformance.apis.response_content import response_content
from conformance.judging import decide
from conformance.model.case import CaseId, Kind
from conformance.parsing.http1 import reply
from conformance.recordings.entry import Entry, RecordingError, Skipped
from conformance.recordings.read import files, read


@pytest.fixture
def entries(tmp_path):
    """Write a recording, and read its entries."""

    def written(text, name="recording", of=None):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return list(read(path, of))

    return written


def seen(entry):
    """What every format holds of an entry."""
    if isinstance(entry, Skipped):
        return entry.why, entry.detail
    x, answer = entry.exchange, reply(entry.exchange)
    asked = sorted(x.sent.partition(b"\r\n\r\n")[0].lower().split(b"\r\n")), x.sent.partition(b"\r\n\r\n")[2]
    told = answer.status, sorted(answer.headers[i][:2] for i in range(len(answer.headers))), answer.content
    return x.case, asked, told, x.recorded, entry.host, entry.model, entry.client, entry.at


@pytest.mark.parametrize("name", FORMATS)
def test_the_same_exchanges_are_read_from_every_format(name, entries):
    found = entries(FORMATS[name](EXCHANGES))
    assert [seen(entry) for entry in found] == [seen(entry) for entry in entries(har(EXCHANGES), "other")]
    cases = [entry.exchange.case for entry in found if isinstance(entry, Entry)]
    assert [(case.api, case.mode) for case in cases] == [
        *(("chat", "unary"), ("chat", "stream"), ("messages", "unary"), ("responses", "unary"))
    ]
    assert [reply(e.exchange).content for e in found if isinstance(e, Entry)][:2] == [COMPLETION, STREAM]


@pytest.mark.parametrize("name", FORMATS)
def test_the_format_is_recognised_by_the_content_and_gzip_too(name, entries):
    text = FORMATS[name](EXCHANGES)
    plain = list(map(seen, entries(text, "a.txt")))
    assert list(map(seen, entries(gzip.compress(text.encode()), "a.json"))) == plain
    assert list(map(seen, entries(text, "a", "har" if name == "har" else "vcr"))) == plain
    assert list(map(seen, entries("\ufeff" + text, "b"))) == plain
    with pytest.raises(RecordingError):
        entries(text, "a", "vcr" if name == "har" else "har")


def test_an_entry_says_what_is_recorded(entries):
    _, entry, other, *_ = entries(har(EXCHANGES), "x.har")
    assert (entry.host, entry.model, entry.client) == ("gateway.example:8443", "m", "OpenAI/Python 3")
    assert entry.source.endswith("x.har#1")
    assert entry.exchange.id == ""
    assert entry.exchange.case == CaseId("chat", "recorded", "stream", Kind.RECORDED)
    assert entry.at.isoformat() == "2026-11-02T10:00:00+00:00"
    assert (other.why, other.detail) == ("other-path", "GET api.example/v1/models")


def test_a_body_that_was_parsed_and_written_again_has_no_exact_bytes(entries):
    cassette = vcrpy([exchange(told={"content-type": "application/json"})])
    interaction = cassette["interactions"][0]
    del interaction["request"]["body"], interaction["response"]["body"]
    interaction["request"]["parsed_body"] = ASKED | {"stream": True, "top_p": 0.5, "stop": "1.0"}
    interaction["response"]["parsed_body"] = {"choices": [{"message": {"role": "assistant", "content": "é"}}]}
    (entry,) = entries(yaml.dump(cassette))
    assert entry.exchange.recorded == {"end"}
    assert entry.exchange.mode == "stream"
    assert b'"top_p": 0.5' in entry.exchange.sent
    assert b'"stop": "1.0"' in entry.exchange.sent
    assert response_content(entry.exchange).choices[0].text == "é"


def test_the_incident_is_found_in_every_format(entries):
    rule = next(rule for rule in catalogue.rules() if rule.id == "FLD001")
    for written in FORMATS.values():
        (entry,) = entries(written([exchange(body=json.dumps(ASKED | {"stream": True}))]))
        outcome = decide(rule, {"x": entry.exchange}, (entry.exchange,))
        assert outcome.message.startswith("`stream: true` was silently ignored")


def test_a_har_of_polly_has_compressed_pieces(entries):
    packed = gzip.compress(COMPLETION)
    archive = json.loads(har([exchange(told=JSON | {"content-encoding": "gzip"})]))
    pieces = json.dumps([base64.b64encode(part).decode() for part in (packed[:20], packed[20:])])
    archive["log"]["entries"][0]["request"]["headers"] += [{"name": "content-length", "value": 106}]
    archive["log"]["entries"][0]["response"]["content"] = {"size": len(pieces), "text": pieces, "encoding": "base64"}
    (entry,) = entries(json.dumps(archive))
    assert reply(entry.exchange).content == COMPLETION


def test_other_shapes_of_cassettes_are_read(entries):
    httpx = {"content": COMPLETION.decode(), "headers": {"content-type": ["application/json"]}, "status_code": 200}
    go = {
        "body": COMPLETION.decode(),
        "headers": {"Content-Type": ["application/json"]},
        "status": "200 OK",
        "code": 200,
    }
    for response in (httpx, go):
        cassette = vcrpy([exchange()])
        cassette["interactions"][0]["response"] = response
        (entry,) = entries(yaml.dump(cassette))
        assert (reply(entry.exchange).status, reply(entry.exchange).content) == (200, COMPLETION)


def test_ruby_s_symbols_and_the_objects_of_other_languages_are_tolerated(entries):
    text = f"""---
http_interactions:
- !ruby/struct:VCR::HTTPInteraction
  :request: !ruby/object:VCR::Request
    :method: :post
    :uri: https://api.example/v1/chat/completions
    :body: '{json.dumps({"model": "m", "messages": []})}'
    :headers: &1
      Accept: ["*/*"]
  :response:
    :status: !ruby/object:VCR::Status
      :code: 200
      :message: OK
    :headers: {{Content-Type: [application/json], Date: ["{DATE}"]}}
    :body: !binary |-
      {base64.b64encode(COMPLETION).decode()}
- request: {{method: get, uri: "https://api.example/v1/files", headers: *1}}
recorded_with: VCR 2.0.0
"""
    first, second = entries(text)
    assert reply(first.exchange).content == COMPLETION
    assert (second.why, second.detail) == ("other-path", "GET api.example/v1/files")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "the file is empty"),
        ("[1]", "it is not a JSON object"),
        (
            '{"name": "package", "log": {"entry": []}}',
            "it has no log.entries and no interactions and no http_interactions",
        ),
        ("services:\n  web: {}\n", "it has no log.entries"),
        ("\x00\x01\x02", "it has no log.entries"),
        (gzip.compress(b'{"log": 1}', mtime=0)[:-9], "Compressed file ended"),
    ],
)
def test_a_file_that_is_no_recording_is_reported_with_what_would_be_one(text, why, entries):
    with pytest.raises(RecordingError, match="Name a HAR archive") as raised:
        entries(text, "x.json")
    assert "x.json" in str(raised.value)
    assert why in str(raised.value)


def test_recordings_are_found_below_folders_by_their_suffix(tmp_path):
    for name in ("b/c.yaml", "b/a.har.gz", "z.JSON", "b/readme.md", "b/deep/x.yml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    found = [str(path.relative_to(tmp_path)) for path in files([tmp_path])]
    assert found == ["b/a.har.gz", "b/c.yaml", "b/deep/x.yml", "z.JSON"]
    assert list(files([tmp_path / "b/readme.md"])) == [tmp_path / "b/readme.md"]
    with pytest.raises(RecordingError, match="no such file"):
        list(files([tmp_path / "missing"]))
    with pytest.raises(RecordingError, match="directory"):
        list(read(tmp_path))


@pytest.mark.parametrize("style", [None, "'", '"', "|"])
def test_a_body_with_any_kind_of_line_survives_yaml(style, entries):
    body = '{"a": 1}\nb\n\n  - c\ninteractions:\n- d\n#e\n---\nversion: 1\n\u2028f\t' + (
        "\r\n\x1b" if style is None else ""
    )
    cassette = vcrpy([exchange(answer=body.encode()), *EXCHANGES])
    found = entries(yaml.dump(cassette, default_style=style))
    assert reply(found[0].exchange).content == body.encode()
    assert len(found) == 1 + len(EXCHANGES)


def test_an_empty_recording_has_no_entries(entries):
    assert entries('{"log": {"entries": []}}') == []
    assert entries("interactions: []\nversion: 1\n") == []


def test_a_request_to_another_api_with_such_a_path_is_not_judged(entries):
    paths = ("/v1/threads/t/messages", "/forms/f/responses")
    found = entries(vcrpy_yaml([exchange(url=f"https://api.example{path}", body='{"content": 1}') for path in paths]))
    assert [entry.why for entry in found] == ["other-path", "other-path"]
