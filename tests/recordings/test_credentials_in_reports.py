"""No report, and no kept recording, shows a credential of recorded traffic."""

import json

import pytest
from recording_files import exchange, har
from test_credentials import ASKED, GOOD, KEYS, LOOSE

from conformance.cli.main import main

FORMATS = ("json", "json-full", "har", "html", "markdown", "sarif", "junit")


def test_no_output_shows_a_credential(tmp_path, capsys):
    planted = {place: f"q{number:02d}Zk7Wm3Rx9Tb{number:02d}" for number, place in enumerate(LOOSE | KEYS)}
    entries = []
    for number, (place, secret) in enumerate(planted.items()):
        said = GOOD | {"object": 1 if place == "challenge" else secret, "id": f"chatcmpl-{number}"}
        asked = {"body": json.dumps(ASKED), "answer": json.dumps(said).encode()}
        entries.append(exchange(**(asked | (LOOSE | KEYS)[place](secret))))
    (tmp_path / "a.har").write_text(har(entries))
    reports = [part for name in FORMATS for part in ("--report", f"{name}={tmp_path / name}")]
    with pytest.raises(SystemExit):
        main(["judge", str(tmp_path / "a.har"), "--verbose", "--save", str(tmp_path / "kept"), *reports])
    shown = "".join(capsys.readouterr())
    assert "MUST" in shown
    written = [path for path in tmp_path.rglob("*") if path.is_file() and path.name != "a.har"]
    assert len(written) > len(FORMATS) + len(entries)
    texts = {"terminal": shown.encode()} | {str(path): path.read_bytes() for path in written}
    assert not [(place, name) for name, text in texts.items() for place, s in planted.items() if s.encode() in text]
