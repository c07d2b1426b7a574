"""The help of a command shows what the command takes, and nothing else."""

import re
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
STOP = ("--waivers", "nowhere.toml")
"""An error that comes after those of options that a command does not take, and before anything is sent."""
VALUES = {"--header": "a: b", "--path": "chat=/x", "--report": "json=report.json", "--shard": "1/2", "--select": "FLD"}
REFUSED = re.compile("not supported|unknown option", re.IGNORECASE)


def shown(name):
    """The options in the help of a command, each with the values that the help shows, or one that fits."""
    for argument in app[name].assemble_argument_collection():
        option = argument.name
        if not argument.show or not option.startswith("--"):
            continue
        hint = get_args(argument.hint)[0] if get_origin(argument.hint) is tuple else argument.hint
        if argument.hint is bool:
            yield option, None
        elif get_origin(hint) is Literal:
            yield from ((option, value) for value in get_args(hint))
        else:
            yield option, VALUES.get(option, "1")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_and_value_in_the_help_of_a_command_is_taken(name, command):
    options = list(shown(name))
    assert "--waivers" in dict(options)
    for option, value in options:
        given = (option,) if value is None else (option, value)
        code, out, err = command(name, *COMMANDS[name], *given, *([] if option == "--waivers" else STOP))
        assert not REFUSED.search(out + err), (option, value, err)
        assert code == 2, (option, value, out, err)


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
