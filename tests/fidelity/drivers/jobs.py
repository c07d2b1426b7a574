"""What all drivers share: read jobs from standard input, do them a few at a time, and say what each one's user got.

A job is a JSON object on a line: `id`, `url` (base URL), `surface` (the driver's own word) and `mode` (`stream` or
`unary`). The answer is another: `id`, `text`, `tools` (pairs of name and arguments), `error` (or null). Drivers run in
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
    """What a job's user got so far: an exception leaves it behind."""

    def __init__(self):
        self.text, self.tools = "", {}

    def add(self, text):
        """Add to the text, as a program does that gathers a stream."""
        self.text += text or ""

    def show(self, content):
        """Print what came, text or not."""
        self.text += str(content or "")

    def call(self, slot, name, arguments):
        known, before = self.tools.get(slot, (None, ""))
        self.tools[slot] = (known or name, before + arguments if arguments is not None else before)


def run(surfaces, *, at_once=8):
    """Do all jobs; `surfaces` maps the word of a job to a function of (job, said)."""
    jobs = [json.loads(line) for line in sys.stdin if line.strip()]
    with ThreadPoolExecutor(at_once) as pool:
        list(pool.map(lambda job: _do(surfaces[job["surface"]], job), jobs))


def _do(surface, job):
    said, error = Said(), None
    try:
        surface(job, said)
    except Exception as raised:  # noqa: BLE001 - whatever it is, it is what the user sees
        error = f"{type(raised).__name__}: {raised}"[:500]
    tools = [list(call) for call in said.tools.values()]
    with _writing:
        sys.__stdout__.write(json.dumps({"id": job["id"], "text": said.text, "tools": tools, "error": error}) + "\n")
        sys.__stdout__.flush()
