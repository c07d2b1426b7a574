"""Real gateways, each a process on loopback: a folder beside this file says how to install, start and test one.

`gateway.toml` has the command, whose `$port` and `$upstream` are filled in, as in the file of `config` and in
`targets.toml`: the targets that it is tested as, one for each API of client and upstream.
"""

import json
import os
import subprocess
import tomllib
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from string import Template

from processes import free_port, running

HERE = Path(__file__).parent
CACHE = HERE.parents[2] / ".cache/gateways"


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """One gateway. `package` gives its version; `ready` is the path that answers 200 once it has started."""

    name: str
    title: str
    package: str
    command: list[str]
    config: str = ""
    ready: str = ""
    environ: dict[str, str] = field(default_factory=dict)

    @property
    def installed(self):
        """The folder of its environment."""
        return CACHE / self.name

    @property
    def version(self):
        """The installed version of its package."""
        on_node = self.installed / "node_modules" / self.package / "package.json"
        if on_node.exists():
            return json.loads(on_node.read_text())["version"]
        code = f"import importlib.metadata as m; print(m.version({self.package!r}))"
        return subprocess.run(
            [self.installed / "bin/python", "-c", code], capture_output=True, text=True, check=True
        ).stdout.strip()


def gateways():
    """All gateways by name."""
    files = sorted(HERE.glob("*/gateway.toml"))
    return {file.parent.name: Gateway(name=file.parent.name, **tomllib.loads(file.read_text())) for file in files}


@contextmanager
def started(gateway, folder):
    """Run a gateway until the end of the block; yields its targets, as text of a targets file."""
    ports = {name: str(free_port()) for name in ("port", "other_port", "upstream", "upstream_2")}
    config = folder / f"{gateway.name}-{gateway.config}"
    values = ports | {"name": f"{gateway.title} {gateway.version}", "config": str(config)}

    def filled(text):
        return Template(text).safe_substitute(values)

    if gateway.config:
        config.write_text(filled((HERE / gateway.name / gateway.config).read_text()))
    command = [filled(word) for word in gateway.command]
    ready = gateway.ready and f"http://127.0.0.1:{ports['port']}{gateway.ready}"
    path = f"{gateway.installed / 'bin'}:{os.environ['PATH']}"
    with running(
        gateway.name, folder, command, ready=ready, cwd=gateway.installed, environ={"PATH": path, **gateway.environ}
    ):
        yield filled((HERE / gateway.name / "targets.toml").read_text())
