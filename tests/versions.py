"""Run the tests on every supported Python that is installed.

`--quick` makes a smoke run instead, on every Python but the one of the checkout's own environment.

Interpreters are searched on the path and in pyenv. Exit code 1 if one of them fails.
"""

import argparse
import os
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).parents[1]
VERSIONS = ("3.11", "3.12", "3.13", "3.14")
ENVIRONMENTS = CHECKOUT / ".cache/versions"
PIP = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet")


def runs(command: str, version: str) -> bool:
    """Whether a command runs that Python version: a shim may exist for one that is not installed."""
    query = [command, "-c", "import sys; print('%d.%d' % sys.version_info[:2])"]
    ran = subprocess.run(query, capture_output=True, text=True, check=False)
    return ran.returncode == 0 and ran.stdout.strip() == version


def find(version: str) -> str | None:
    """A Python of that version, or None."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    known = [shutil.which(f"python{version}"), *map(str, sorted(pyenv.glob(f"{version}.*/bin/python{version}")))]
    return next((command for command in known if command and runs(command, version)), None)


def passes(version: str, python: str, *, quick: bool, arguments: list[str]) -> bool:
    """Whether the tests, or the smoke run, pass in an environment of that Python."""
    home = ENVIRONMENTS / version
    own = str(home / "bin/python")
    environ = os.environ | {"PIP_CONSTRAINT": str(CHECKOUT / "constraints.txt")}
    if not Path(own).exists():
        subprocess.run([python, "-m", "venv", home], check=True)
    extras = "" if quick else "[test]"
    subprocess.run([own, *PIP, "-e", f"{CHECKOUT}{extras}"], env=environ, check=True)
    smoke = [own, "-m", "conformance", "run", "--suite", "smoke"]
    tests = [own, "-m", "pytest", "-n", str(os.cpu_count() or 1), "--dist", "worksteal", *arguments]
    return subprocess.run(smoke if quick else tests, cwd=CHECKOUT, check=False).returncode == 0


def main() -> int:
    """Run all versions."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="make a smoke run instead of the tests")
    options, arguments = parser.parse_known_args()
    failed = []
    own = "{}.{}".format(*sys.version_info)
    for version in VERSIONS:
        if options.quick and version == own:
            continue
        python = find(version)
        if python is None:
            print(f"Python {version}: not on this machine", flush=True)
            continue
        print(f"Python {version}: {python}", flush=True)
        if not passes(version, python, quick=options.quick, arguments=arguments):
            failed.append(version)
    if failed:
        print(f"Failed on Python {', '.join(failed)}", file=sys.stderr)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
