"""The help of a command shows what the command takes, and nothing else."""

import re
from collections import Counter
from typing import Literal, get_args, get_origin

import pytest

from conformance.cli.main import app

COMMANDS = {
    "run": (),
    "gateway": (),
    "load": (),
    "fuzz": (),
    "matrix": ("--config", "nowhere.toml", "--out", "site"),
    "judge": ("nowhere.har",),
    "replay": ("nowhere", "exchange"),
    "proxy": ("--upstream", "http://127.0.0.1:9/v1"),
}
"""The commands with groups of options that others have, too, and what each needs besides."""
VALUES = {
    "--header": "a: b",
    "--path": "chat=/x",
    "--report": "json=report.json",
    "--shard": "1/2",
    "--select": "FLD",
    "--ignore": "SSE",
}
NOWHERE = "nowhere.toml"
"""A file of waivers, or of targets: the error comes after those of options that a command does not take."""


def options_of(name):
    """The options in the help of a command, with their types."""
    found = app[name].assemble_argument_collection()
    return {one.name: one.hint for one in found if one.show and one.name.startswith("--")}


SHARED = Counter(option for name in COMMANDS for option in options_of(name))
MOST_VALUES = 5


def values(option, hint):
    """The values of an option that the help shows, or one that fits; none for one without a value."""
    kind = hint if get_origin(hint) is Literal else next(iter(get_args(hint)), hint)
    if hint is bool:
        return ()
    return get_args(kind) if get_origin(kind) is Literal else (VALUES.get(option, "1"),)


@pytest.mark.parametrize("name", COMMANDS)
def test_what_the_help_of_a_command_shows_of_the_options_of_many_is_taken(name, command):
    options = {option: values(option, hint) for option, hint in options_of(name).items() if SHARED[option] > 1}
    for option in ("--waivers", *COMMANDS[name]):
        options.pop(option, None)
    assert max(map(len, options.values())) <= MOST_VALUES
    for number in range(MOST_VALUES):
        left_out = ("--cacert", ("--quiet", "--verbose")[number % 2])  # others exclude them
        words = [(option, *some[number % len(some) :][:1]) if some else (option,) for option, some in options.items()]
        given = [word for option in words if option[0] not in left_out for word in option]
        stop = () if NOWHERE in COMMANDS[name] else ("--waivers", NOWHERE)
        code, _, err = command(name, *COMMANDS[name], *given, *stop)
        assert (code, err[:40]) == (2, "conformance: nowhere.toml: No such file "), (given, err)


@pytest.mark.parametrize(
    ("words", "accepted"),
    [
        (("load", "--concurrency", "4"), "accepted: --users"),
        (("load", "--suite", "full"), "remove it"),
        (("fuzz", "--max-cost", "1"), "accepted: --max-tokens and --max-examples"),
        (("fuzz", "--max-requests", "9"), "accepted: --max-examples"),
        (("fuzz", "--dry-run"), "remove it"),
        (("fuzz", "--select", "FLD"), "remove it"),
        (("matrix", "--dry-run"), "accepted: `conformance run --target NAME --dry-run`"),
    ],
)
def test_an_option_of_other_commands_is_refused_and_not_in_the_help(words, accepted, command):
    name, option, *_ = words
    code, _, err = command(*words, *COMMANDS[name])
    assert code == 2
    assert f"not supported by `conformance {name}`; {accepted}" in err
    assert re.search(rf"{option}\b", command(name, "--help")[1]) is None
