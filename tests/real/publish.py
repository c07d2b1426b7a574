"""Publish the matrix of the embedded deployments and of the real servers that run here.

Run by `make published`; writes reports/matrix, without the recordings.
"""

import shutil
import subprocess
import sys
import tempfile
from contextlib import chdir
from pathlib import Path

import conftest

from conformance.cli.main import app

CHECKOUT = Path(__file__).parents[2]
OUT = CHECKOUT / "reports/matrix"
EMBEDDED = ("native-sse", "silent-json", "stopgap-501", "sse-proxy")


def version(package):
    """The version of a package in the real servers' environment."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run([conftest.PYTHON, "-c", code], capture_output=True, text=True, check=True).stdout.strip()


def table(name, **facts):
    """A target of the configuration."""
    return f'[targets."{name}"]\n' + "".join(f'{key} = "{value}"\n' for key, value in facts.items())


def main():
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        with (
            conftest.serving_llama_cpp("llama_cpp", folder) as llama,
            conftest.serving_vllm_router(folder, llama) as router,
            conftest.serving_llmock(folder) as mock,
        ):
            tables = [table(name, deployment=name) for name in EMBEDDED]
            for name, url in (("xllamacpp", llama), ("vllm-router", router), ("llmock", mock)):
                tables.append(table(f"{name} {version(name)}", base_url=url, model="tiny"))
            (folder / "targets.toml").write_text("\n".join(tables))
            with chdir(folder):  # so that no page names a folder of this machine
                app(["matrix", "--config", "targets.toml", "--out", "site", "--at-once", "1"])
        shutil.rmtree(folder / "site/runs")
        shutil.rmtree(OUT, ignore_errors=True)
        shutil.copytree(folder / "site", OUT)


if __name__ == "__main__":
    sys.exit(main())
