"""How many values a JSON text has, without reading it."""

import pytest

from conformance.parsing.json_text import has_more_values


@pytest.mark.parametrize(
    ("text", "most", "expected"),
    [
        (b"[1,2,3]", 2, True),
        (b"[1,2,3]", 3, False),
        (b'{"a":{"b":[]}}', 2, True),
        (b'["a,b,c,d", "[{,"]', 2, False),
        (b'["a\\",b,c,d\\\\", 1, 2]', 3, False),
        (b'["a\\\\", 1, 2, 3]', 3, True),
        (b'["no end, of it, at, all', 1, False),
        (b'["no end \\', 1, False),
        (b"", 0, False),
    ],
)
def test_commas_and_brackets_within_strings_are_no_values(text, most, expected):
    assert has_more_values(text, most) is expected
