"""Letta's command line, with short waits between the retries of its SDK."""

import anyio

LONGEST_SLEEP_S = 0.01
_sleep = anyio.sleep


async def sleep(delay):
    await _sleep(min(delay, LONGEST_SLEEP_S))


anyio.sleep = sleep

from letta.main import app  # noqa: E402 - it must find the short waits

app()
