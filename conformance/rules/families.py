"""The families of rules, in reading order."""

from typing import Final

FAMILIES: Final[dict[str, str]] = {
    "HTTP": "the HTTP message: status, headers, framing, body",
    "SSE": "event stream framing",
    "DLV": "delivery: buffering, stalls and timely endings",
    "CHK": "chat chunks",
    "CMP": "non-streaming chat completions",
    "EQV": "streaming and non-streaming responses agree",
    "USE": "token usage",
    "TOOL": "tool calls",
    "MSG": "Messages API events and responses",
    "RSP": "Responses API events and responses",
    "NYI": "streaming not implemented (501)",
    "FLD": "silently ignored request fields",
    "PAR": "parameter effects",
    "ERR": "error responses",
    "AUTH": "authentication",
    "MDL": "the model list",
    "BILL": "billing of errors, rejections and retries",
    "LIFE": "disconnects and concurrency",
}
"""The subject of each rule family, by its ID prefix."""
