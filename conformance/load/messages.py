"""Messages between the processes of a load test, one JSON value a line."""

from typing import Final

import msgspec

from conformance.load.part import Part
from conformance.load.sampled import Sampled
from conformance.model.load import LoadSecond


class Begin(msgspec.Struct, frozen=True, tag=True):
    """To a process that sends: what it has to know. The first line that it reads."""

    part: Part


class Users(msgspec.Struct, frozen=True, tag=True):
    """To a process that sends: how many users there are to be from now on."""

    number: int


class Stop(msgspec.Struct, frozen=True, tag=True):
    """To a process that sends: send nothing more, read what is under way, and end."""


Command = Begin | Users | Stop


class Results(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """From a process that sends, every quarter of a second: what is new, and how far it is.

    `worker` is its number, `began_ns` when the load began on its clock. `seconds` are those since the last results,
    `sent` counts all requests, `not_sent` the arrivals that no user was free for. `reason` is the bound because of
    which it sends nothing more, or empty. `is_last`: it has ended.
    """

    worker: int
    began_ns: int
    sampled: tuple[Sampled, ...] = ()
    seconds: tuple[LoadSecond, ...] = ()
    users: int = 0
    sent: int = 0
    in_progress: int = 0
    not_sent: int = 0
    reason: str = ""
    is_last: bool = False


_encoder: Final = msgspec.json.Encoder()
_commands: Final[msgspec.json.Decoder[Command]] = msgspec.json.Decoder(Command)
_results: Final = msgspec.json.Decoder(Results)


def line(message: Command | Results) -> bytes:
    """A message as a line."""
    return _encoder.encode(message) + b"\n"


def command(text: bytes | str) -> Command:
    """A command from a line. Raises msgspec.DecodeError."""
    return _commands.decode(text)


def results(text: bytes | str) -> Results:
    """Results from a line. Raises msgspec.DecodeError."""
    return _results.decode(text)
