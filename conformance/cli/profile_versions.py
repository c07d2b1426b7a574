"""Compare the installed framework versions with those that the profiles were captured from."""

import importlib.metadata
import json
import re
import subprocess
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple, TextIO

from conformance import catalogue
from conformance.model.profile import Profile
from conformance.runs.config import ConfigError

NPM: Final = "npm:"
LIST_PACKAGES: Final = """
import importlib.metadata, json, sys
found = {d.metadata["name"].lower(): d.version for d in importlib.metadata.distributions() if d.metadata["name"]}
json.dump(found, sys.stdout)
"""
LIST_TIMEOUT_S: Final = 60

Lookup = Callable[[str], str | None]
"""The version of a package, or None where it is not installed."""


class Package(NamedTuple):
    """One package of a profile: the captured version, and the installed one, if any."""

    name: str
    captured: str
    installed: str | None

    @property
    def is_newer(self) -> bool:
        """Whether the installed version is newer than the captured one."""
        return self.installed is not None and _order(self.installed) > _order(self.captured)


def print_versions(python: Path | None, out: TextIO) -> bool:
    """Print one line per profile; return whether an installed framework is newer than captured. Raises ConfigError."""
    lookup = _lookup(python)
    drifted = False
    for profile in catalogue.profiles():
        packages = tuple(_packages(profile, lookup))
        drifted = drifted or any(package.is_newer for package in packages)
        out.write(f"{profile.name:<17} {profile.api:<9} {_version_line(packages)}\n")
    if drifted:
        out.write("Recapture the newer ones: `make capture` in a checkout shows what they send now.\n")
    return drifted


def _packages(profile: Profile, lookup: Lookup) -> Iterator[Package]:
    """The profile's packages; dependencies count only if the framework itself is installed."""
    for place, (name, captured) in enumerate(profile.packages):
        found = _on_npm(name) if name.startswith(NPM) else lookup(name)
        yield Package(name, captured, found)
        if not place and found is None:
            return


def _version_line(packages: Iterable[Package]) -> str:
    """The packages that are newer; if none, the state of the framework's own package."""
    made = tuple(packages)
    newer = [f"{p.name} {p.installed} is newer than the captured {p.captured}" for p in made if p.is_newer]
    if newer:
        return "; ".join(newer)
    first = made[0]
    if first.installed is None:
        return f"{first.name} is not installed; captured: {first.captured}"
    how = "same as captured" if first.installed == first.captured else f"older than the captured {first.captured}"
    return f"{first.name} {first.installed}, {how}"


def _order(version: str) -> tuple[int, ...]:
    """The release numbers of a version, without suffixes."""
    release = re.match(r"[0-9]+(?:\.[0-9]+)*", version)
    return tuple(map(int, release[0].split("."))) if release else ()


def _on_npm(name: str) -> str | None:
    path = Path("node_modules") / name.removeprefix(NPM) / "package.json"
    try:
        version = json.loads(path.read_text())["version"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return version if isinstance(version, str) else None


def _lookup(python: Path | None) -> Lookup:
    if python is None:
        return _here
    try:
        listed = subprocess.run([python, "-c", LIST_PACKAGES], capture_output=True, check=True, timeout=LIST_TIMEOUT_S)  # noqa: S603 - the user names the program
        found: dict[str, str] = json.loads(listed.stdout)
    except (OSError, subprocess.SubprocessError, ValueError) as error:
        raise ConfigError(f"--python {python}: accepted: a working Python interpreter ({error})") from None
    return lambda name: found.get(name.lower())


def _here(name: str) -> str | None:
    try:
        return importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return None
