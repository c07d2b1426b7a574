"""openai-python itself, read with the loop of its documentation."""

from conformance.clients.client import Client
from conformance.clients.openai_sdk import completed, streamed
from conformance.clients.sdk import plays
from conformance.clients.turn import Turn
from conformance.exchange import Exchange

LONGEST_WAIT_S = 120.0
"""openai-python 3 does not retry at all where Retry-After asks for more."""


def read_3(x: Exchange) -> Turn:
    """What openai-python 3 makes of a reply."""
    return streamed(x, whole=False) if x.mode == "stream" else completed(x, whole=False)


def read_2(x: Exchange) -> Turn:
    """What openai-python 2 makes of a reply: its status errors quote the whole body."""
    return streamed(x) if x.mode == "stream" else completed(x)


OPENAI_3 = Client(
    profile="openai-python",
    name="openai-python 3.54",
    version="3.54.0",
    api="chat",
    play=plays(read_3, patience_s=LONGEST_WAIT_S),
)
OPENAI_2 = Client(profile="openai-python", name="openai-python 2.24", version="2.24.0", api="chat", play=plays(read_2))
