"""Shared by all drivers: read jobs from standard input, run a few at a time, and write what each one's user gets.

A job is a JSON object on a line: `id`, `url` (base URL), `surface` (the driver's own name), `mode` (`stream` or
`unary`) and perhaps `patience_s` (then it is given up: a TimeoutError) and `offers_tool` (a framework that drops calls
of unknown tools then gets one of any name). The result is another: `id`, `text`, `tools` (pairs of name and arguments),
`error` (or null). Jobs are run as they arrive. Drivers run in the framework's environment and know nothing of this
project.

A driver imports this module first: it shortens the waits between retries of jobs with patience, and loads the TLS
certificates once.
"""

import asyncio
import contextlib
import functools
import json
import ssl
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from asked import KEY, MODEL, TASK, WORDS  # noqa: F401 - of every driver

LONGEST_SLEEP_S = 0.01
_in_a_hurry = threading.Event()
"""Set where waits are shortened: for jobs with patience. In the others, a client that hardly waits might send its next
request on a connection that is about to be closed.
"""
_sleep, _asleep = time.sleep, asyncio.sleep
time.sleep = lambda seconds: _sleep(_shortened(seconds))
asyncio.sleep = lambda delay, *result: _asleep(_shortened(delay), *result)
ssl.create_default_context = functools.cache(ssl.create_default_context)

NOWHERE = "http://127.0.0.1:9/v1"
_writing = threading.Lock()


def _shortened(seconds):
    return min(seconds, LONGEST_SLEEP_S) if _in_a_hurry.is_set() and seconds < float("inf") else seconds


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

    def hold(self, vectors):
        """Keep vectors, as a program that stores them does."""
        self.text = json.dumps(vectors)

    def made(self, name, arguments):
        """Keep a complete tool call, whatever the type of its arguments."""
        self.tools[len(self.tools)] = (name, arguments)

    def calls(self):
        """The tool calls so far."""
        return [list(call) for call in list(self.tools.values())]

    def call(self, slot, name, arguments):
        """Add a fragment to the tool call in a slot."""
        known, before = self.tools.get(slot, (None, ""))
        self.tools[slot] = (known or name, before + arguments if arguments is not None else before)


def warm(surfaces):
    """Run each surface once where nothing listens: frameworks load much at their first call and error."""
    _in_a_hurry.set()
    for surface in surfaces.values():
        for mode in ("stream", "unary"):
            with contextlib.suppress(Exception):
                surface({"url": NOWHERE, "mode": mode}, Said())
    _in_a_hurry.clear()
    return surfaces


def run(surfaces, *, at_once=8):
    """Run all jobs; `surfaces` maps a job's surface to a function of (job, said)."""
    with ThreadPoolExecutor(at_once) as pool:
        for line in sys.stdin:
            if line.strip():
                job = json.loads(line)
                pool.submit(_do, surfaces[job["surface"]], job)


def _do(surface, job):
    said, errors = Said(), []

    def tried():
        try:
            surface(job, said)
        except BaseException as raised:  # noqa: BLE001 - the user sees any exception
            errors.append(f"{type(raised).__name__}: {raised}"[:500])

    if "patience_s" in job:
        _in_a_hurry.set()
        trying = threading.Thread(target=tried, daemon=True)
        trying.start()
        trying.join(job["patience_s"])
        errors += ["TimeoutError: still waiting"] if trying.is_alive() else []
    else:
        tried()
    _tell({"id": job["id"], "text": said.text, "tools": said.calls(), "error": errors[0] if errors else None})


def _tell(result):
    with _writing:
        sys.__stdout__.write(json.dumps(result, default=str) + "\n")
        sys.__stdout__.flush()
