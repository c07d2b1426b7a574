"""Recordings from anywhere: the damaged entries are named, the others read, in bounded memory."""

import gzip
import io
import json
import tracemalloc
from itertools import chain, repeat
from pathlib import Path

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st
from recording_files import ASKED, EXCHANGES, FORMATS, exchange, har, har_entry, vcrpy, vcrpy_yaml

from conformance.recordings.build import entry_of
from conformance.recordings.entry import Entry, RecordingError, Skipped
from conformance.recordings.har import HAR
from conformance.recordings.json_items import Scanner
from conformance.recordings.read import read, read_stream
from conformance.recordings.vcr import VCR
from conformance.recordings.yaml_items import Splitter
from conformance.recordings.yaml_values import Reader

GOOD = json.dumps(har_entry(exchange()))
DEEP = 100_000


@pytest.fixture
def entries(tmp_path):
    def written(text):
        (tmp_path / "a").write_bytes(text if isinstance(text, bytes) else text.encode("utf-8", "surrogatepass"))
        return list(read(tmp_path / "a"))

    return written


def archive(*texts):
    return '{"log": {"pages": [{"entries": [1]}], "entries": [' + ",\n".join(texts) + ']}, "entries": [2]}'


TEXT = st.text(st.characters(), max_size=8)
"""With lone surrogates."""
JUNK = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=5,
)


def places(value, path=()):
    """The paths of all values inside a value."""
    yield path
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in inner:
        yield from places(part, (*path, name))


def replaced(value, path, junk):
    if not path:
        return junk
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], junk)
    return copy


VALUES = [
    (HAR, har_entry(EXCHANGES[1])),
    (VCR, vcrpy(EXCHANGES)["interactions"][1]),
    (VCR, yaml.safe_load(FORMATS["ruby"](EXCHANGES).replace("!binary", "!!binary"))["http_interactions"][1]),
]


@settings(max_examples=300)
@given(data=st.data(), junk=JUNK)
def test_a_wrong_type_anywhere_is_reported_and_nothing_raises(data, junk):
    reader, value = data.draw(st.sampled_from(VALUES))
    path = data.draw(st.sampled_from(list(places(value))))
    found = entry_of(replaced(value, path, junk), reader, "a#0")
    assert isinstance(found, Entry | Skipped)
    shown = (found.detail,) if isinstance(found, Skipped) else (found.host, found.model, found.client)
    assert all(text.isprintable() for text in shown)
    assert any(shown)


@settings(max_examples=100)
@given(name=st.sampled_from(list(FORMATS)), at=st.floats(0, 1), junk=st.binary(max_size=12), is_cut=st.booleans())
def test_a_file_with_changed_bytes_is_read_as_far_as_it_can(name, at, junk, is_cut, tmp_path_factory):
    text = FORMATS[name](EXCHANGES).encode()
    start = int(at * len(text))
    path = tmp_path_factory.mktemp("changed") / "a"
    path.write_bytes(text[:start] + junk + (b"" if is_cut else text[start + len(junk) :]))
    try:
        found = list(read(path))
    except RecordingError:
        return
    assert [entry.source for entry in found] == [f"{path}#{number}" for number in range(len(found))]


@pytest.mark.parametrize(
    ("damaged", "detail"),
    [
        ("1", "not an object"),
        ('{"request": {"method": "POST", "url": 5}}', "request.url is not a string"),
        ('{"request": [], "response": {}}', "request is not an object"),
        (GOOD.replace("12.5", "NaN"), "NaN is not a JSON value"),
        (GOOD.replace("12.5", '12.5, "x": ' + "[" * DEEP + "]" * DEEP), "nested too deeply"),
        (GOOD.replace('"status": 200', '"status": 1e400'), "response.status is not a whole number"),
        (GOOD.replace('"status": 200', '"status": true'), "response.status is not a whole number"),
        (GOOD.replace("12.5", "'\ud83d'"), "not UTF-8"),
        (GOOD.replace('"headers": [', '"headers": [1, '), "not an object"),
        ("", "empty"),
        (GOOD[:-1] + ', "a": ' + '"' + "x" * 70_000_000 + '"}', "more than 67108864 bytes"),
    ],
)
def test_a_damaged_entry_of_an_archive_does_not_hide_the_others(damaged, detail, entries):
    found = entries(archive(GOOD, damaged, GOOD))
    assert [isinstance(entry, Entry) for entry in found] == [True, False, True]
    assert (found[1].why, detail in found[1].detail) == ("damaged", True), found[1].detail
    assert found[1].source.endswith("#1")


@pytest.mark.parametrize(
    ("damaged", "detail"),
    [
        ("- request: [", "not YAML in line"),
        ("- \x00", "not YAML"),
        ("- 5", "not an object"),
        ("- request: {method: POST, uri: [1]}", "uri is not a string"),
        ("- " + "[" * DEEP, "nested too deeply"),
        ("- " + "{a: " * DEEP, "nested too deeply"),
        ("- {? [a] : b}", "a key is not a string"),
        ("- !!binary é", "not base64"),
        ("- *missing", "has no anchor before it"),
        ("- &a [*a]", "has no anchor before it"),
        (
            "- ["
            + ", ".join(["&a0 [xxxxxxxx]", *(f"&a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12))])
            + "]",
            "repeat",
        ),
        ("- " + "9" * 5000, "not YAML"),
        ("- a: 1\n\tb: 2", "not YAML in line 2"),
    ],
)
def test_a_damaged_item_of_a_cassette_does_not_hide_the_others(damaged, detail, entries):
    good = vcrpy_yaml([exchange()])
    item = good.partition("\n")[2].partition("version:")[0]
    found = entries(f"interactions:\n{item}{damaged}\n{item}version: 1\n")
    assert [isinstance(entry, Entry) for entry in found] == [True, False, True]
    assert (found[1].why, detail in found[1].detail) == ("damaged", True), found[1].detail


def test_bytes_that_are_not_utf_8_damage_one_item(entries):
    good = vcrpy_yaml([exchange(), exchange()]).encode()
    found = entries(good.replace(b"Gr\\xFC\\xDFe", b"Gr\xfc\xdfe", 1))
    assert [isinstance(entry, Entry) for entry in found] == [False, True]


@pytest.mark.parametrize("name", FORMATS)
def test_of_a_truncated_file_the_complete_entries_are_read(name, entries):
    text = FORMATS[name]([exchange(), exchange(), exchange()]).encode()
    for whole in (text, gzip.compress(text, compresslevel=0)):
        found = entries(whole[: len(whole) * 3 // 4])
        assert [isinstance(entry, Entry) for entry in found][:2] == [True, True]
        assert not isinstance(found[-1], Entry)


def test_brackets_and_quotes_in_strings_do_not_end_an_entry():
    values = [{"a\\": 'x\\" ] } , ['}, ["\\", {"": "\\\\"}], "s,]", 1.5, None, [], {}, [[[["]"]]]]]
    text = json.dumps({"q": {"log": {"entries": [0]}}, "log": {"z": [[{"entries": [0]}]], "entries": values}}).encode()
    for size in (1, 2, 3, 7, 1000):
        scanner = Scanner(("log.entries",))
        found = [
            json.loads(item.text) for item in scanner.items(text[at : at + size] for at in range(0, len(text), size))
        ]
        assert found == values


class Generated(io.RawIOBase):
    """A file whose bytes are generated as they are read."""

    def __init__(self, pieces):
        self.pieces, self.rest = pieces, b""

    def readable(self):
        return True

    def readinto(self, buffer):
        while not self.rest:
            self.rest = next(self.pieces, None)
            if self.rest is None:
                self.rest = b""
                return 0
        size = min(len(buffer), len(self.rest))
        buffer[:size], self.rest = self.rest[:size], self.rest[size:]
        return size


def large_har(size):
    entry = json.dumps(har_entry(exchange(answer=b'{"choices": [], "text": "' + b"x\\n" * 50_000 + b'"}'))).encode()
    return chain([b'{"log": {"entries": ['], repeat(entry + b",", size // len(entry)), [entry + b"]}}"])


def large_cassette(size):
    item = vcrpy_yaml([exchange(answer=b'{"text": "' + b"word " * 20_000 + b'"}')]).encode()
    item = item.removeprefix(b"interactions:\n").removesuffix(b"version: 1\n")
    return chain([b"interactions:\n"], repeat(item, size // len(item)))


def peak(pieces):
    """The peak of memory while the entries are read, and how many were."""
    file = io.BufferedReader(Generated(pieces), 65536)
    tracemalloc.start()
    try:
        count = sum(isinstance(entry, Entry) for entry in read_stream(file, Path("large")))
        return tracemalloc.get_traced_memory()[1], count
    finally:
        tracemalloc.stop()


@pytest.mark.verify
@pytest.mark.parametrize("large", [large_har, large_cassette])
def test_the_memory_does_not_grow_with_the_file(large):
    few, of_few = peak(large(1_500_000))
    many, of_many = peak(large(12_000_000))
    assert of_many > 5 * of_few > 0
    assert many < 1.5 * few


@pytest.mark.verify
def test_an_archive_of_half_a_gigabyte_is_read_in_a_few_megabytes():
    memory, count = peak(large_har(500_000_000))
    assert count > 2000
    assert memory < 32_000_000


@pytest.mark.parametrize("finder", [Scanner(("log.entries",), most=1000), Splitter(most=1000)])
def test_an_entry_without_end_is_not_kept(finder):
    begins = [b'{"log": {"entries": [1, "'] if isinstance(finder, Scanner) else [b"interactions:\n", b"- 1\n", b"- "]
    tracemalloc.start()
    found = list(finder.items([*begins, *([b"x" * 10_000] * 3000)]))
    memory = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [item.text.strip(b"- \n") for item in found] == [b"1", b""]
    assert found[1].fault
    assert memory < 1_000_000


SIZE = 300_000
PARTS = ("a", "*", "a-", "; ", "bearer+", "sk-", "&key", "eyJ.", '"api_key": ')


@pytest.mark.verify
@pytest.mark.parametrize("part", PARTS)
def test_no_value_makes_the_search_for_secrets_slow(part):
    value = part * (SIZE // len(part)) + "a"
    fields = {"cookie": value, "authorization": value, "x-a": value, "content-type": value} | dict.fromkeys([value], "")
    many = {f"x-{n}-token": f"secret-{n:07d}" for n in range(5000)}
    url = f"https://api.example/v1/chat/completions?{value}"
    x = exchange(asked=fields | many, told=fields, url=url, answer=b'{"a": "' + value.encode() + b'"}')
    assert isinstance(entry_of(vcrpy([x])["interactions"][0], VCR, "a#0"), Entry | Skipped)


def test_anchors_of_a_long_cassette_are_forgotten(monkeypatch):
    monkeypatch.setattr("conformance.recordings.yaml_values.MAX_SIZE", 10_000)
    reader = Reader()
    for number in range(50):
        reader.value(b"- &a%d %s\n" % (number, b"x" * 1000))
    assert len(reader.anchors) < 12


def test_repeated_headers_are_read_from_earlier_items(entries):
    shared = {"accept": ["*/*"]}
    cassette = vcrpy([exchange(), exchange()])
    for interaction in cassette["interactions"]:
        interaction["request"]["headers"] = shared
        interaction["request"]["body"] = json.dumps(ASKED)
    text = yaml.dump(cassette)
    assert "*id001" in text
    assert [b"accept: */*\r\n" in entry.exchange.sent for entry in entries(text)] == [True, True]


def test_har_s_own_limits_do_not_matter(entries):
    assert entries(har([]).replace("[]", "[ ]")) == []
