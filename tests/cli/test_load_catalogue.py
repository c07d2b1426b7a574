"""What the command line shows of the rules about load, and of what can be planted for them."""

import pytest

from conformance.testbed.mutations import changes


@pytest.mark.parametrize(
    ("kind", "listed"), [("load-defects", changes.load_defects), ("load-variants", changes.load_variants)]
)
def test_the_lists_name_everything(command, kind, listed):
    code, out, _ = command("list", kind)
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == sorted(one.name for one in listed())


def test_a_rule_s_page_shows_users_and_the_command_that_finds_its_defects(command):
    _, out, _ = command("explain", "LOAD001")
    for words in (
        *("all responses of a load test together", "(user 3, turn 0, under load, ", "got that of user 2, turn 0"),
        *("Not simulated: the client models read one response", "conformance load --deployment native-sse --defect"),
    ):
        assert words in out, words


def test_a_defect_and_the_family_have_a_page(command):
    assert (
        "conformance load --deployment native-sse --defect token-lost" in command("explain", "token-lost-when-busy")[1]
    )
    assert "conformance load --select LOAD" in command("explain", "LOAD")[1]
