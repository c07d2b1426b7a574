"""Test real gateways from both sides, and publish a matrix of what each promises: reports/gateways, with their pairs.

Run by `make gateways`. Arguments are names of gateways, if not all: their matrix is written to reports/runs/gateways.
"""

import os
import shutil
import sys
import tempfile
from contextlib import ExitStack, chdir
from pathlib import Path

from gateways import gateways, started

from conformance.cli.main import app

CHECKOUT = Path(__file__).parents[3]
PUBLISHED, SOME = CHECKOUT / "reports/gateways", CHECKOUT / "reports/runs/gateways"


def main(names):
    found = gateways()
    if unknown := [name for name in names if name not in found]:
        sys.exit(f"{', '.join(unknown)}: there is no such gateway; accepted: {', '.join(found)}")
    with tempfile.TemporaryDirectory() as made, ExitStack() as stack:
        folder = Path(made)
        chosen = [found[name] for name in names or found]
        targets = [stack.enter_context(started(gateway, folder)) for gateway in chosen]
        os.environ |= {name: value for gateway in chosen for name, value in gateway.environ.items()}  # their keys
        (folder / "targets.toml").write_text("\n".join(targets))
        with chdir(folder):  # so that no page names a folder of this machine
            app(["matrix", "--config", "targets.toml", "--out", "site", "--at-once", "1"])
        out = SOME if names else PUBLISHED
        shutil.rmtree(out, ignore_errors=True)
        left_out = () if names else ("runs", "matrix.json")
        shutil.copytree(folder / "site", out, ignore=shutil.ignore_patterns(*left_out))
        sys.stdout.write(f"{out}/index.html\n")


if __name__ == "__main__":
    main(sys.argv[1:])
