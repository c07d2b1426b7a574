"""Turn the arguments of the Python API into the options of the command line, and check them as it does."""

from collections.abc import Callable, Mapping
from dataclasses import fields
from os import PathLike
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

from cyclopts import Parameter

from conformance.runs.config import ConfigError, argument, one_of
from conformance.runs.options import (
    LimitOptions,
    RunRequest,
    SelectionOptions,
    ShapeOptions,
    TargetOptions,
    VerdictOptions,
)

Group = TypeVar("Group", TargetOptions, SelectionOptions, ShapeOptions, LimitOptions, VerdictOptions)

MAPPINGS: Final[Mapping[str, str]] = {"paths": "=", "headers": ": "}
"""What separates name and value, in the option, of arguments that are mappings."""
NAMES: Final[Mapping[type, str]] = {str: "a string", int: "an integer", float: "a number"}


def run_request(given: Mapping[str, Any], selection: type[SelectionOptions] = SelectionOptions) -> RunRequest:
    """The options of a run from arguments by name; other names are ignored. Raises ConfigError."""
    return RunRequest(
        target=group(TargetOptions, given),
        selection=group(selection, given),
        limits=group(LimitOptions, given),
        verdict=group(VerdictOptions, given),
    )


def optional_path(name: str, value: object) -> Path | None:
    """A path, or None. Raises ConfigError."""
    return None if value is None else path_of(name, value)


def path_of(name: str, value: object) -> Path:
    """A path given as a string or path. Raises ConfigError."""
    if not isinstance(value, (str, PathLike)):
        raise ConfigError(f"{name}={value!r}; accepted: a path")
    return Path(value)


def group(options: type[Group], given: Mapping[str, Any]) -> Group:
    """One group of options from arguments by name; other names are ignored. Raises ConfigError."""
    hints = get_type_hints(options, include_extras=True)
    names = {field.name: argument(field.name) for field in fields(options) if argument(field.name) in given}
    values = {field: _checked(name, given[name], hints[field]) for field, name in names.items()}
    return options(**values)


def _checked(name: str, value: Any, hint: Any) -> Any:
    """The value as the type of its option. Raises ConfigError."""
    kind, checks = _bare(hint)
    if get_origin(kind) in (Union, UnionType):
        if value is None:
            return None
        kind = next(kind for kind in get_args(kind) if kind is not NoneType)
    if get_origin(kind) is tuple:
        return _several(name, value, get_args(kind)[0])
    found = _one(name, value, kind)
    for check in checks:
        try:
            check(kind, found)
        except ValueError as error:
            raise ConfigError(f"{name}={value!r}; {str(error)[:1].lower()}{str(error)[1:].rstrip('.')}") from None
    return found


def _bare(hint: Any) -> tuple[Any, list[Callable[[Any, Any], None]]]:
    """A type without its annotations, and the checks in them."""
    notes = getattr(hint, "__metadata__", ())
    found = [note.validator for note in notes if isinstance(note, Parameter)]
    checks = [check for one in found for check in (one if isinstance(one, tuple) else (one,)) if check]
    return (hint.__origin__ if notes else hint), checks


def _several(name: str, value: Any, kind: Any) -> tuple[Any, ...]:
    if isinstance(value, Mapping) and name in MAPPINGS:
        return tuple(f"{_one(name, key, str)}{MAPPINGS[name]}{_one(name, item, str)}" for key, item in value.items())
    if isinstance(value, (str, bytes)) or not hasattr(value, "__iter__"):
        raise ConfigError(f"{name}={value!r}; accepted: {'a mapping' if name in MAPPINGS else 'a list'}")
    return tuple(_one(name, item, kind) for item in value)


def _one(name: str, value: Any, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        one_of(name, value, get_args(kind))
        return value
    if kind is Path:
        return path_of(name, value)
    accepted = (int, float) if kind is float else (kind,)
    if not isinstance(value, accepted) or (isinstance(value, bool) and kind is not bool):
        shown = name if name == "api_key_env" else f"{name}={value!r}"  # it may be the key itself
        raise ConfigError(f"{shown}; accepted: {NAMES.get(kind, 'True or False')}")
    return value
