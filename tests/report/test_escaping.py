import pytest

from conformance.model.exchange import Span
from conformance.report.escaping import escape, safe, window


@pytest.mark.parametrize(
    ("raw", "shown"),
    [
        (b"data: hi\r\n\r\n", r"data: hi\r\n\r\n"),
        (b"\x1b[31mred\x07", r"\x1b[31mred\x07"),
        (b"a\\nb", r"a\\nb"),
        ("grüße 你好".encode(), "grüße 你好"),
        (b"\xff\xc3", r"\xff\xc3"),
        ("\u202egnp.exe\u200b\x9b".encode(), r"\xe2\x80\xaegnp.exe\xe2\x80\x8b\xc2\x9b"),
    ],
)
def test_bytes_are_printable_and_unambiguous(raw, shown):
    assert escape(raw) == shown
    assert escape(raw).isprintable()


@pytest.mark.parametrize("text", ["\x1b]0;owned\x07", "a\nb\x00", "\ud800", "\u202e", "[red]x[/red]", "x" * 10_000])
def test_text_is_printable_on_one_line_and_bounded(text):
    assert safe(text).isprintable()
    assert len(safe(text)) <= 2000


def test_a_window_marks_the_bytes_and_shows_what_is_around_them():
    raw = b"HTTP/1.1 200 OK\r\ncontent-type: text/html\r\n\r\nhi"
    start = raw.index(b"content-type")
    shown = window(raw, Span(start, start + len(b"content-type: text/html")))
    assert shown == r"HTTP/1.1 200 OK\r\n»content-type: text/html«\r\n\r\nhi"


def test_a_long_run_is_cut_in_the_middle_and_says_how_much_is_missing():
    shown = window(b"x" * 5000, Span(1000, 4000))
    assert shown.startswith("…xxx")
    assert shown.endswith("xxx…")
    assert "(2840 bytes)" in shown


def test_a_cut_splits_no_character():
    raw = "你".encode() * 400
    assert "\\x" not in window(raw, Span(300, 303))
    assert "\\x" not in window(raw, Span(300, 900))


@pytest.mark.parametrize("span", [Span(-1, 4), Span(90, 99), Span(5, 2)])
def test_a_span_outside_the_bytes_shows_nothing(span):
    assert window(b"0123456789", span) == ""


def test_an_empty_span_shows_where_something_is_missing():
    assert window(b"0123456789", Span(4, 4)) == "0123»«456789"
