"""A run folder returns the stored run, or reports clearly why not."""

import gzip
import json
import os
import re
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from conformance.judging import judge
from conformance.model.case import CaseId, Kind
from conformance.model.exchange import Arrival, Ending, Exchange, Span
from conformance.model.run import RunManifest
from conformance.model.target import Target
from conformance.rules.example import HELLO, streamed
from conformance.storage.folder import RunFolder, StoreError

FACTS = RunManifest(
    tool="oai-conformance 0",
    started="2026-01-01T00:00:00Z",
    target=Target(base_url="http://127.0.0.1/v1", model="m", paths={"chat": "/inference"}),
    suite="gate",
    profiles=("hermes",),
    planned=("a", "b"),
    left_out={"b": "over --max-requests 1"},
)
TIMES = st.integers(0, 10**15)
NAMES = st.text(st.characters(codec="utf-8"), max_size=20)
PRINTABLE = NAMES.filter(str.isprintable)
QUESTIONS = st.builds(
    CaseId,
    api=st.sampled_from(["chat", "messages", "responses"]),
    profile=PRINTABLE,
    mode=st.sampled_from(["stream", "unary"]),
    kind=st.sampled_from(Kind),
    subject=PRINTABLE,
    variant=PRINTABLE,
    repeat=st.integers(0, 3),
)
ENDINGS = st.builds(
    Ending,
    how=st.sampled_from(["idle", "closed", "reset", "timeout", "limit", "unreachable", "interrupted"]),
    phase=st.sampled_from(["connect", "send", "first-byte", "body", "after"]),
    at_ns=TIMES,
    detail=NAMES,
)


@st.composite
def exchanges(draw):
    pieces = draw(st.lists(st.binary(min_size=1), max_size=9))
    times = sorted(draw(TIMES) for _ in pieces)
    size = sum(map(len, pieces))
    spans = st.tuples(st.integers(0, size), st.integers(0, size)).map(sorted).map(lambda ends: Span(*ends))
    return Exchange(
        id=draw(st.text("abcXYZ019._-+ é", min_size=1, max_size=50).filter(lambda s: not s.startswith("."))),
        case=draw(QUESTIONS),
        merged_cases=tuple(draw(st.lists(QUESTIONS, max_size=2))),
        sent=draw(st.binary()),
        received=b"".join(pieces),
        arrivals=tuple(Arrival(at_ns, len(piece)) for at_ns, piece in zip(times, pieces, strict=True)),
        sent_at_ns=draw(TIMES),
        ending=draw(ENDINGS),
        masked=tuple(draw(st.lists(spans, max_size=3))),
    )


@pytest.fixture
def folder(tmp_path):
    made = RunFolder.create(tmp_path / "run")
    made.write_facts(FACTS)
    return made


def example(id="one"):  # noqa: A002
    return replace(streamed(*HELLO), id=id)


@given(exchanges())
def test_an_exchange_comes_back_as_it_went_in(x):
    with tempfile.TemporaryDirectory() as path:
        folder = RunFolder.create(path)
        folder.write(x)
        assert folder.exchange(x.id) == x
        assert folder.ids() == (x.id,)


def test_any_tool_can_read_an_exchange(folder):
    x = example()
    folder.write(x)
    place = folder.path / "exchanges" / "one"
    assert sorted(p.name for p in place.iterdir()) == ["exchange.json", "received.bin", "sent.bin"]
    assert ((place / "sent.bin").read_bytes(), (place / "received.bin").read_bytes()) == (x.sent, x.received)
    facts = json.loads((place / "exchange.json").read_bytes())
    assert facts["arrivals"] == [[a.at_ns, a.length] for a in x.arrivals]
    case = {"api": "chat", "profile": "example", "mode": "stream", "kind": "hello"}
    assert facts["case"] == case | {"subject": "", "variant": "", "repeat": 0}
    assert facts["received_bytes"] == len(x.received)


def test_exchanges_come_sorted_one_at_a_time(folder):
    for name in ("b", "c", "a"):
        folder.write(example(name))
    assert folder.ids() == ("a", "b", "c")
    found = folder.exchanges()
    assert next(found).id == "a"
    shutil.rmtree(folder.path / "exchanges" / "b")
    with pytest.raises(StoreError, match="No such file"):
        next(found)


def test_facts_come_back_and_can_be_replaced(folder):
    assert RunFolder.open(folder.path).facts() == FACTS
    later = msgspec.structs.replace(FACTS, stopped="interrupted", duration_s=1.5)
    folder.write_facts(later)
    assert folder.facts() == later
    assert [p.name for p in folder.path.iterdir() if p.name.startswith(".")] == []


def test_the_same_exchange_makes_the_same_bytes(tmp_path):
    folders = [RunFolder.create(tmp_path / name) for name in "ab"]
    for folder in folders:
        folder.write(example())
    one, other = ((f.path / "exchanges" / "one" / "exchange.json").read_bytes() for f in folders)
    assert one == other


def test_what_was_half_written_is_no_exchange(folder):
    left = folder.path / "exchanges" / ".tmp-1-one"
    left.mkdir()
    (left / "sent.bin").write_bytes(b"POST")
    assert folder.ids() == ()
    folder.write(example())
    assert folder.ids() == ("one",)


def test_a_write_that_fails_leaves_nothing(folder, monkeypatch):
    def full(self, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "rename", full)
    with pytest.raises(StoreError, match="No space left on device"):
        folder.write(example())
    assert list((folder.path / "exchanges").iterdir()) == []


def test_an_exchange_is_never_overwritten(folder):
    folder.write(example())
    with pytest.raises(StoreError, match="was recorded before"):
        folder.write(replace(example(), received=b"", arrivals=()))
    assert folder.exchange("one") == example()
    assert folder.ids() == ("one",)


def test_a_run_needs_a_folder_of_its_own(folder):
    with pytest.raises(StoreError, match="the folder is not empty"):
        RunFolder.create(folder.path)


def test_a_run_can_be_stored_in_an_empty_folder(tmp_path):
    assert RunFolder.create(tmp_path).ids() == ()


@pytest.mark.parametrize("name", ["", "missing", "file"])
def test_what_is_no_run_folder_is_refused(tmp_path, name):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="This is not a run folder") as refused:
        RunFolder.open(tmp_path / name)
    assert str(tmp_path / name) in str(refused.value)
    assert "Name the folder of a run" in str(refused.value)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="Not a directory"):
        RunFolder.create(tmp_path / "file" / "run")


@pytest.mark.parametrize("id", ["", ".", "..", "../up", "a/b", "a\\b", ".hidden", "a\0b", "a\nb", "x" * 201, "\udcff"])
def test_an_id_that_is_no_file_name_is_refused(folder, id):  # noqa: A002
    with pytest.raises(StoreError, match="is not a file name"):
        folder.write(example(id))
    with pytest.raises(StoreError, match="is not a file name"):
        folder.exchange(id)


JUDGED_OTHERWISE = {
    "FLD018": "`stream: false` of a non-streaming request is no field that the target ignores",
    "PAR010": "text parts have a rule of their own, PAR016",
}
"""Rules that judge this recording otherwise than the version that recorded it, and why."""
INVALID = "the request is invalid: the rules about mistakes judge its response"
"""The reason of verdicts that became not applicable: no rule judges the form of a response to an invalid request."""


def test_a_run_of_format_1_gets_the_statuses_that_the_version_that_recorded_it_gave(tmp_path):
    shutil.unpack_archive(Path(__file__).parent / "run-of-format-1.zip", tmp_path)
    folder = RunFolder.open(tmp_path / "run")
    recorded = json.loads((tmp_path / "statuses.json").read_text())
    assert len(folder.ids()) == 93
    judged = judge(folder.facts(), folder.exchange, folder.ids())
    found = {f"{v.rule} {v.profile} {v.mode} {v.probe}": v for v in judged.verdicts}
    before = {name: status for status, names in recorded.items() for name in names}
    assert len(before) == 11_219
    differing = [name for name, status in before.items() if name not in found or found[name].status.value != status]
    others = {name for name in differing if name not in found or found[name].message != INVALID}
    assert {name.partition(" ")[0] for name in others} == JUDGED_OTHERWISE.keys()


@pytest.mark.parametrize("old", ['"probe": "chess.hello"', '"question": 1', '"heard_octets": "x"'])
def test_damaged_metadata_of_format_1_is_refused(tmp_path, old):
    shutil.unpack_archive(Path(__file__).parent / "run-of-format-1.zip", tmp_path)
    folder = RunFolder.open(tmp_path / "run")
    path = folder.path / "exchanges" / folder.ids()[0] / "exchange.json"
    name = old.partition(":")[0]
    path.write_text(re.sub(rf"{name}: (\d+|\"[^\"]*\"|{{[^}}]*}})", old, path.read_text(), count=1))
    with pytest.raises(StoreError, match=r"damaged: .*exchange\.json"):
        folder.exchange(folder.ids()[0])


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"profile": "example"', '"profile": "\\u001b[31mX"'),
        ('"repeat": 0', '"repeat": -5'),
        ('"sent_at_ns": 0', '"sent_at_ns": -1'),
        ('"masked": []', '"masked": [[-1, 4, "received"]]'),
        ('"masked": []', '"masked": [[0, 999999, "received"]]'),
        ('"arrivals": [', '"arrivals": [[9000000000, 1], '),
    ],
)
def test_metadata_that_no_recording_can_have_is_refused(folder, old, new):
    folder.write(example())
    path = folder.path / "exchanges/one/exchange.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    with pytest.raises(StoreError, match=r"damaged: .*(exchange\.json|received\.bin)"):
        folder.exchange("one")


@pytest.mark.parametrize("started", ["yesterday", "99999-01-01T00:00:00Z"])
def test_a_start_that_is_no_time_is_refused(folder, started):
    run = folder.path / "run.json"
    run.write_text(run.read_text().replace("2026-01-01T00:00:00Z", started))
    with pytest.raises(StoreError, match=r"damaged: .*run\.json"):
        folder.facts()


def test_another_format_is_refused(folder):
    run = folder.path / "run.json"
    run.write_bytes(run.read_bytes().replace(b"oai-conformance-run/2", b"oai-conformance-run/99"))
    with pytest.raises(StoreError, match=r"oai-conformance-run/99.*oai-conformance-run/2") as refused:
        folder.facts()
    assert "Judge it with the version that recorded it" in str(refused.value)


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b'{"format": 1}', b"\xff", b"[" * 100_000])
def test_damaged_facts_are_refused(folder, text):
    (folder.path / "run.json").write_bytes(text)
    with pytest.raises(StoreError, match=r"damaged: .*run\.json"):
        folder.facts()


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b"\xff", b"[" * 100_000])
def test_a_damaged_exchange_is_refused(folder, text):
    folder.write(example())
    (folder.path / "exchanges" / "one" / "exchange.json").write_bytes(text)
    with pytest.raises(StoreError, match=r"damaged: .*one/exchange\.json"):
        folder.exchange("one")


@pytest.mark.parametrize("file", ["sent.bin", "received.bin"])
def test_lengths_that_do_not_add_up_are_refused(folder, file):
    folder.write(example())
    with (folder.path / "exchanges" / "one" / file).open("ab") as file_of_bytes:
        file_of_bytes.write(b"x")
    with pytest.raises(StoreError, match=rf"{file}: it has \d+ bytes, but exchange.json records \d+"):
        folder.exchange("one")


@pytest.mark.parametrize("file", ["sent.bin", "received.bin", "exchange.json"])
def test_a_missing_file_is_named(folder, file):
    folder.write(example())
    (folder.path / "exchanges" / "one" / file).unlink()
    with pytest.raises(StoreError, match=rf"one/{file}: No such file"):
        folder.exchange("one")


@pytest.mark.parametrize("arrivals", [[[1, 5]], [[1, 0], [2, 812]], [[1, -1], [2, 813]]])
def test_arrivals_that_do_not_add_up_are_refused(folder, arrivals):
    folder.write(example())
    place = folder.path / "exchanges" / "one" / "exchange.json"
    place.write_text(json.dumps(json.loads(place.read_text()) | {"arrivals": arrivals}))
    with pytest.raises(StoreError, match="damaged"):
        folder.exchange("one")


def test_a_renamed_exchange_is_refused(folder):
    folder.write(example())
    os.rename(folder.path / "exchanges" / "one", folder.path / "exchanges" / "two")  # noqa: PTH104
    with pytest.raises(StoreError, match="it is the record of 'one'"):
        folder.exchange("two")


def test_a_folder_without_exchanges_is_damaged(folder):
    (folder.path / "exchanges").rmdir()
    with pytest.raises(StoreError, match="damaged"):
        folder.ids()


def test_gzip_and_other_bytes_are_kept_as_they_are(folder):
    received = gzip.compress(bytes(range(256)))
    folder.write(replace(example(), received=received, arrivals=(Arrival(1, len(received)),)))
    assert folder.exchange("one").received == received
