"""The profile: how one framework speaks."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from conformance.exchange import Api, Mode

Body = dict[str, Any]
KEY = "{key}"
MODEL = "{model}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """What a framework sends, captured from the real one.

    `headers` are in the order in which the framework sends them, without Host and Content-Length, per mode; the
    value `{key}` inside a header stands for the API key. `body(mode)` gives the plain greeting turn as the framework
    sends it, with `{model}` for the model's name. `framework` marks those that stand for a framework; the others are
    the bare SDK that asks the API's own questions.
    """

    name: str
    title: str
    api: Api
    versions: str
    captured: str
    streams_by_default: bool
    headers: Callable[[Mode], tuple[tuple[str, str], ...]]
    body: Callable[[Mode], Body]
    framework: bool = True
    query: str = ""
