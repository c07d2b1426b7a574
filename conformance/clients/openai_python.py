"""openai-python itself: three major versions read with the loop of their documentation, and the `stream()` helper."""

from functools import partial
from typing import Any, Final

from conformance.clients.client import Client
from conformance.clients.openai_sdk import Calls, attribute, chunks, completed, items, streamed, text_in
from conformance.clients.sdk import sdk_requests, simulator
from conformance.clients.turn import ClientError, DecodedResponse
from conformance.model.exchange import Exchange

LONGEST_WAIT_S: Final = 120.0
"""openai-python 3 does not retry at all if Retry-After is longer."""

retry_after_limited = partial(sdk_requests, patience_s=LONGEST_WAIT_S)


def read_3(x: Exchange) -> DecodedResponse:
    """Read a response as openai-python 3 does."""
    return streamed(x, whole_body=False) if x.mode == "stream" else completed(x, whole_body=False)


def read_2(x: Exchange) -> DecodedResponse:
    """Read a response as openai-python 2 does: its status errors quote the complete body."""
    return streamed(x) if x.mode == "stream" else completed(x)


def read_1(x: Exchange) -> DecodedResponse:
    """Read a response as openai-python 1 does: after `[DONE]` it reads the rest of the body."""
    return streamed(x, drains=True) if x.mode == "stream" else completed(x)


def _names_no_type(chunk: Any) -> bool:
    """Whether the helper skips a chunk: its `object` is not `chat.completion.chunk`."""
    return bool(attribute(chunk, "object") != "chat.completion.chunk")


class Snapshot:
    """What the helper keeps of the choices: the first chunk creates them, and each needs an index."""

    def __init__(self) -> None:
        self.begun = False

    def on_chunk(self, chunk: Any) -> bool:
        """Skip what has another `object`; raise ClientError if the choices do not fit."""
        if _names_no_type(chunk):
            return True
        choices = attribute(chunk, "choices")
        if not isinstance(choices, list):
            raise ClientError("type", "'NoneType' object is not iterable")
        for choice in choices:
            index = attribute(choice, "index")
            if not isinstance(index, int):
                raise ClientError("type", f"list indices must be integers or slices, not {type(index).__name__}")
            if not self.begun and index >= len(choices):
                raise ClientError("shape", "list assignment index out of range")
        self.begun = True
        return False


class Grown(Calls):
    """Tool calls of the helper's snapshot: repeated fields are concatenated, IDs and names too.

    The last type counts, null included.
    """

    def __init__(self) -> None:
        super().__init__()
        self._functions: set[Any] = set()

    def add(self, fragment: Any, slot: Any) -> None:
        """Add one fragment. Raises ClientError if the call was of a function, and the fragment's type is another."""
        function = attribute(fragment, "function")
        if slot in self._functions and fragment.get("type", "function") != "function":
            raise ClientError("shape", "AssertionError")
        if fragment.get("type") == "function":
            self._functions.add(slot)
        call = self._parts.setdefault(slot, {"id": "", "name": "", "arguments": ""})
        call["id"] += text_in(fragment.get("id"))
        for part in ("name", "arguments") if function is not None else ():
            call[part] += text_in(attribute(function, part))


def _accumulate(delta: Any, calls: Calls) -> str:
    """Take one delta into the helper's snapshot: it must not be None, and a tool call needs an index."""
    text = text_in(attribute(delta, "content"))
    for fragment in items(attribute(delta, "tool_calls")):
        index = attribute(fragment, "index")
        if not isinstance(index, int):
            raise ClientError("type", f"list indices must be integers or slices, not {type(index).__name__}")
        calls.add(fragment, index)
    return text


def read_with_helper(x: Exchange) -> DecodedResponse:
    """Read a response as `client.chat.completions.stream()` does; without any chunk it fails on an assertion."""
    if x.mode != "stream":
        return read_3(x)
    turn = streamed(x, _accumulate, on_chunk=Snapshot().on_chunk, whole_body=False, calls=Grown())
    began = any(isinstance(value, dict) and not _names_no_type(value) for value in chunks(x).values)
    return turn if turn.error or began else turn.with_error(ClientError("shape", "AssertionError"))


OPENAI_3 = Client(
    profile="openai-python",
    name="openai-python 3.54",
    version="3.54.0",
    api="chat",
    simulate=simulator(read_3, sdk_requests=retry_after_limited),
)
OPENAI_3_HELPER = Client(
    profile="openai-python",
    name="openai-python 3.54 (stream helper)",
    version="3.54.0",
    api="chat",
    simulate=simulator(read_with_helper, sdk_requests=retry_after_limited),
)
OPENAI_2 = Client(
    profile="openai-python", name="openai-python 2.24", version="2.24.0", api="chat", simulate=simulator(read_2)
)
OPENAI_1 = Client(
    profile="openai-python", name="openai-python 1.109", version="1.109.1", api="chat", simulate=simulator(read_1)
)
