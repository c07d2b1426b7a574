"""Reads target and waiver files, with exact error messages."""

import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from conformance.model.target import Target
from conformance.model.waiver import Waiver

FRAMING = ("content-length", "transfer-encoding", "host")
"""Headers that the HTTP client sets: other values would make a correct server fail."""
HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
FILE, PROJECT = Path("conformance.toml"), Path("pyproject.toml")
"""Files in the working directory in which a target is found without --config."""
FILES = {
    "target": "a TOML file of targets (`conformance init` writes one)",
    "waiver": "a TOML file of waivers (`conformance waive RUN` drafts one)",
}
"""What is accepted of the files, by their kind."""
VARIABLE = re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}")
OPTION = re.compile(r"--([a-z]+(?:-[a-z]+)*)")
ARGUMENTS = {
    "api": "apis",
    "profile": "profiles",
    "path": "paths",
    "header": "headers",
    "upstream_port": "upstream_ports",
}
"""Arguments of the Python API that have another name than their option: they take several values."""


class ConfigError(Exception):
    """Invalid user input; the message names the place, the value found and what is accepted."""


class Entry(NamedTuple):
    """What a file sets for a target besides the Target itself: embedded deployment, defect and waivers file.

    `upstream_ports` are the ports at which the harness answers the target's own requests, if it is a gateway.
    """

    deployment: str | None
    defect: str | None
    waivers: Path | None
    upstream_ports: tuple[int, ...] = ()


def find(given: Path | None) -> Path | None:
    """The given targets file, or else the one in the working directory: conformance.toml, or pyproject.toml.

    pyproject.toml counts if it has a table [tool.conformance]. Raises ConfigError.
    """
    if given is not None or FILE.is_file():
        return given or FILE
    return PROJECT if PROJECT.is_file() and _own_table(_parsed(PROJECT, "target")[1]) is not None else None


def entries(path: Path) -> dict[str, Entry]:
    """The targets of a TOML file by name, in file order. Raises ConfigError."""
    _, value = _load(path, "target")
    return {name: _entry(path, table) for name, table in value["targets"].items()}


def _entry(path: Path, table: dict[str, Any]) -> Entry:
    waived = table.get("waivers")
    ports = tuple(table.get("upstream_ports", ()))
    return Entry(table.get("deployment"), table.get("defect"), path.parent / waived if waived else None, ports)


def place(path: Path, name: str, key: str) -> str:
    """Where a file sets a key of a target, to begin an error message with: `FILE:LINE: targets.NAME.KEY`."""
    return f"{path}{_line(_parsed(path, 'target')[0], ('targets', name, key))}: targets.{name}.{key}"


def target(path: Path, name: str, environ: Mapping[str, str] = os.environ) -> Target:
    """The target `[targets.NAME]` of a TOML file; not for embedded ones.

    `${VAR}` in `key_env` and in header values is replaced by the environment variable. Raises ConfigError.
    """
    text, value = _load(path, "target")
    targets: dict[str, Any] = value["targets"]
    if name not in targets:
        raise ConfigError(f"--target {name}: {path} has no [targets.{name}]; it has {', '.join(targets)}")
    table = {key: setting for key, setting in targets[name].items() if key not in Entry._fields}
    where = f"{path}: targets.{name}"
    if "key_env" in table:
        table["key_env"] = expand(table["key_env"], f"{where}.key_env", environ)
    headers = table.get("headers", {})
    if framing := [name for name in headers if name.lower() in FRAMING]:
        line = _line(text, ("targets", name, "headers", framing[0]))
        raise ConfigError(f"{where}.headers.{framing[0]}{line}: accepted: any header that does not frame the message")
    table["headers"] = {key: expand(value, f"{where}.headers.{key}", environ) for key, value in headers.items()}
    if "cacert" in table:
        table["cacert"] = str(path.parent / table["cacert"])
    try:
        return msgspec.convert(table | {"name": name}, Target)
    except msgspec.ValidationError as error:  # unexpected: the schema is as strict as Target
        raise ConfigError(f"{where}{_line(text, ('targets', name))}: {error}") from None


def waivers(path: Path, known_rules: frozenset[str]) -> tuple[Waiver, ...]:
    """The waivers of a TOML file. A rule that matches no known rule is rejected.

    Raises ConfigError.
    """
    text, value = _load(path, "waiver")
    found = msgspec.convert(value.get("waiver", []), tuple[Waiver, ...])
    for number, waiver in enumerate(found):
        if not any(fnmatchcase(rule, waiver.rule) for rule in known_rules):
            line = _line(text, ("waiver", number, "rule"))
            close = get_close_matches(waiver.rule, known_rules, n=3)
            hint = f"; did you mean {', '.join(close)}?" if close else "; `conformance list rules` lists all rules"
            raise ConfigError(f"{path}{line}: waiver[{number}].rule is {waiver.rule!r}, which matches no rule{hint}")
    return found


def header(text: str, environ: Mapping[str, str]) -> tuple[str, str]:
    """The name and value of a header from `Name: value`. Raises ConfigError, which does not repeat the value."""
    name, colon, value = (part.strip(" ") for part in text.partition(":"))
    if not colon or not value or not HEADER_NAME.fullmatch(name):
        raise ConfigError("--header; accepted: 'Name: value', where ${VAR} in the value is an environment variable")
    if name.lower() in FRAMING:
        raise ConfigError(f"--header {name}; accepted: any header that does not frame the message")
    return name, expand(value, f"--header {name}", environ)


def expand(text: str, where: str, environ: Mapping[str, str]) -> str:
    """Replace `${VAR}`. Errors name the variable, never its value."""

    def value(found: re.Match[str]) -> str:
        if not environ.get(found[1]):
            raise ConfigError(f"{where}: the environment variable {found[1]} is not set or empty: set it")
        return environ[found[1]]

    expanded = VARIABLE.sub(value, text)
    if not expanded.isprintable():
        raise ConfigError(f"{where}: accepted: text on one line, without control characters")
    return expanded


def _load(path: Path, kind: str) -> tuple[str, dict[str, Any]]:
    text, value = _parsed(path, kind)
    if path.name == PROJECT.name:
        table = _own_table(value)
        if table is None:
            raise ConfigError(f"{path}: it has no table [tool.conformance]")
        value = table
    _validate(path, text, value, kind)
    return text, value


def _own_table(project: dict[str, Any]) -> dict[str, Any] | None:
    """The table [tool.conformance] of a pyproject.toml."""
    tools = project.get("tool")
    found = tools.get("conformance") if isinstance(tools, dict) else None
    return found if isinstance(found, dict) else None


def _parsed(path: Path, kind: str) -> tuple[str, dict[str, Any]]:
    import tomllib

    try:
        text = path.read_text(encoding="utf-8")
        value = tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror or error}; accepted: {FILES[kind]}") from None
    except UnicodeDecodeError as error:
        raise ConfigError(
            f"{path}: not valid UTF-8: {error.reason} at byte {error.start}; accepted: {FILES[kind]}"
        ) from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply") from None
    return text, value


def _validate(path: Path, text: str, value: dict[str, Any], kind: str) -> None:
    from jsonschema import Draft202012Validator, FormatChecker

    from conformance import schemas
    from conformance.runs.gateway_policy import gateway_schema

    try:
        plain = json.loads(json.dumps(value, default=str, allow_nan=False))
    except ValueError:
        raise ConfigError(f"{path}: accepted: finite numbers, neither nan nor inf") from None
    schema = schemas.load(kind)
    if kind == "target":
        schema = schema | {"$defs": schema["$defs"] | {"gateway": gateway_schema()}}
    validator = Draft202012Validator(schema, format_checker=FormatChecker(("date",)))
    errors: list[Any] = sorted(validator.iter_errors(plain), key=lambda e: (list(map(str, e.absolute_path)), e.message))
    if errors:
        faults = [f"{path}{_line(text, (*e.absolute_path, *_extra(e)))}: {_explain(e)}" for e in _causes(errors)[:5]]
        raise ConfigError("\n".join(faults))


def _causes(errors: Sequence[Any]) -> list[Any]:
    """The errors without those of a table that follow from its unknown key: it may be a required one, misspelt."""
    misspelt = [tuple(error.absolute_path) for error in errors if _extra(error)]
    return [error for error in errors if _extra(error) or tuple(error.absolute_path) not in misspelt]


def _explain(error: Any) -> str:
    """Describe one schema error: the key, the value found and what is accepted."""
    where = _dotted(error.absolute_path) or "the file"
    for key in _extra(error):
        known = list(error.schema.get("properties", ()))
        close = get_close_matches(key, known, n=1)
        hint = f" (did you mean {close[0]!r}?)" if close else ""
        return f"{where}: unknown key {key!r}{hint}; accepted: {', '.join(known)}"
    if error.validator == "required":
        missing = [name for name in error.validator_value if name not in error.instance]
        return f"{where}: missing {', '.join(missing)}" + (
            "" if error.absolute_path else "; `conformance init` writes one"
        )
    shown = json.dumps(error.instance)
    may_be_secret = "@" in shown or ".headers" in where or where.endswith("key_env")
    shown = "not usable" if may_be_secret or len(shown) > 60 else shown
    accepted = error.schema.get("description") or error.message
    if error.validator == "enum":
        accepted = ", ".join(map(str, error.validator_value))
    return f"{where} is {shown}; accepted: {accepted}"


def _extra(error: Any) -> tuple[str, ...]:
    """The first unknown key."""
    if error.validator != "additionalProperties":
        return ()
    return tuple(key for key in error.instance if key not in error.schema.get("properties", {}))[:1]


def _dotted(path: Any) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")


def _line(text: str, path: tuple[str | int, ...]) -> str:
    """`:LINE` of the table or key at a path, found by searching for its names; a best effort."""
    lines = text.splitlines()
    at, found = 0, False
    for before, part in zip(("", *path), path, strict=False):
        if isinstance(part, int):
            wanted, skip, start = rf"\s*\[\[\s*{before}\s*\]\]", part, 0
        else:
            wanted, skip, start = rf"(.*[\[.{{,\s\"']|){re.escape(part)}[\"']?\s*[=.\]]", 0, at
        places = [number for number in range(start, len(lines)) if re.match(wanted, lines[number])]
        if len(places) <= skip:
            break
        at, found = places[skip], True
    return f":{at + 1}" if found else ""


def one_of(option: str, given: str, known: Iterable[str]) -> None:
    """Accept one of the known names. Raises ConfigError."""
    names = list(known)
    if given not in names:
        close = get_close_matches(given, names, n=1)
        hint = f"did you mean {close[0]}? " if close else ""
        raise ConfigError(f"{option} {given!r} is not known; {hint}accepted: {', '.join(names)}")


def near(given: str, known: Sequence[str], listing: str) -> str:
    """Suggestions and the command that lists all names, to append to an error message."""
    close = get_close_matches(given, known, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" * bool(close) + f"; `{listing}` lists all accepted names"


@contextmanager
def argument_names() -> Iterator[None]:
    """Make a ConfigError from within name arguments of the Python API, not options: `run_dir`, not `--run-dir`."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(OPTION.sub(lambda found: argument(found[1].replace("-", "_")), str(error))) from None


def argument(option: str) -> str:
    """The argument of the Python API for an option."""
    return ARGUMENTS.get(option, option)
