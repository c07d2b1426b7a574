"""What is published of a corpus are figures: no byte of a response, no account, and nothing that a project edited."""

import gzip
import json

import publish
import pytest

from conformance.rules.example import completion

SECRET = "a sentence that only the recording holds"
ENTRY = {
    "source": "some-project",
    "host": "api.example",
    "api": "chat",
    "mode": "unary",
    "path": "/v1/chat/completions",
    "request_headers": {"Content-Type": ["application/json"]},
    "request_body": json.dumps({"model": "m", "messages": [{"role": "user", "content": SECRET}]}),
    "status": 200,
    "response_headers": {"content-type": ["application/json"], "date": ["Mon, 02 Nov 2026 10:00:00 GMT"]},
    "response_body": json.dumps(completion({"content": SECRET}, object="chat")),
}


@pytest.fixture
def published(tmp_path, monkeypatch):
    """Publishes a corpus of these entries, and returns the folder."""

    def write(*entries):
        corpus = tmp_path / "corpus.gz"
        corpus.write_bytes(gzip.compress("".join(json.dumps(ENTRY | entry) + "\n" for entry in entries).encode()))
        monkeypatch.setenv("CONFORMANCE_CORPUS", str(corpus))
        monkeypatch.setattr(publish, "OUT", tmp_path / "out")
        publish.main()
        return tmp_path / "out"

    return write


def test_figures_are_published_and_no_text_of_the_recordings(published):
    out = published({}, {}, {"host": "account-7.openai.azure.com"}, {"host": "localhost:8000"})
    written = {path.relative_to(out).as_posix(): path.read_text() for path in out.rglob("*") if path.is_file()}
    assert not [name for name, text in written.items() if SECRET in text or "account-7" in text]
    counts = json.loads(written["figures.json"])
    assert {name: apis["chat"]["CMP001"] for name, apis in counts.items()} == {
        "*.openai.azure.com": {"fail": 1},
        "api.example": {"fail": 1},
    }
    assert "| api.example | chat | [CMP001](../../docs/rules/CMP001.md) |" in written["README.md"]
    assert "Recorded from 2026-11-02 to 2026-11-02" in written["README.md"]
    assert "some-project (1)" in written["targets/api_example.html"]
    assert "rules/CMP001.html" in written


def test_what_a_project_edited_is_not_published_about_the_host(published, monkeypatch):
    monkeypatch.setattr(publish, "DEVIATIONS", {"api.example": {"CMP001": "written by hand by the project"}})
    out = published({})
    assert "CMP001" not in json.loads((out / "figures.json").read_text())["api.example"]["chat"]
    assert "CMP001" not in (out / "README.md").read_text()
