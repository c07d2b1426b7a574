"""Chunks and streams for the CHK rules' examples."""

from conformance.rules.example import HELLO, chunk, streamed

FIRST = chunk({"role": "assistant", "content": ""})
LAST = chunk(finish="stop")
USAGE = {"prompt_tokens": 3, "completion_tokens": 3, "total_tokens": 6}
GOOD = streamed(*HELLO)
VENDOR = streamed(
    chunk({"role": "assistant", "content": None}, system_fingerprint=None, service_tier=None, x_vendor={"a": 1}),
    chunk({"role": "assistant", "content": "Hello there.", "reasoning_content": None}),
    LAST,
    chunk(choices=[], usage=USAGE),
    "[DONE]",
)
PIECES = streamed(FIRST, *(chunk({"content": text}) for text in ("Hel", "lo", " there.")), LAST, "[DONE]")
AZURE = streamed(
    chunk(id="", object="", created=0, model="", choices=[], prompt_filter_results=[{"prompt_index": 0}]), *HELLO
)
