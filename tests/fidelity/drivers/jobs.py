"""Shared by all drivers: read jobs from standard input, run a few at a time, and write what each one's user gets.

A job is a JSON object on a line: `id`, `url` (base URL), `surface` (the driver's own name) and `mode` (`stream` or
`unary`). The result is another: `id`, `text`, `tools` (pairs of name and arguments), `error` (or null). Drivers run in
the framework's environment and know nothing of this project.
"""

import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

KEY = "sk-no-secret"
MODEL = "reference"
WORDS = "Say hello."
TASK = [{"role": "user", "content": WORDS}]
_writing = threading.Lock()


class Said:
    """What a job's user has received so far; it is kept after an exception."""

    def __init__(self):
        self.text, self.tools = "", {}

    def add(self, text):
        """Append to the text, as a program that collects a stream does."""
        self.text += text or ""

    def show(self, content):
        """Append the content as a program would print it, text or not."""
        self.text += str(content or "")

    def call(self, slot, name, arguments):
        known, before = self.tools.get(slot, (None, ""))
        self.tools[slot] = (known or name, before + arguments if arguments is not None else before)


def run(surfaces, *, at_once=8):
    """Run all jobs; `surfaces` maps a job's surface to a function of (job, said)."""
    jobs = [json.loads(line) for line in sys.stdin if line.strip()]
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda job: _do(surfaces[job["surface"]], job), jobs))


def _do(surface, job):
    said, error = Said(), None
    try:
        surface(job, said)
    except Exception as raised:  # noqa: BLE001 - the user sees any exception
        error = f"{type(raised).__name__}: {raised}"[:500]
    tools = [list(call) for call in said.tools.values()]
    with _writing:
        sys.__stdout__.write(json.dumps({"id": job["id"], "text": said.text, "tools": tools, "error": error}) + "\n")
        sys.__stdout__.flush()
