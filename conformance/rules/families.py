"""The families of rules, in the order in which a person wants to read them."""

from typing import Final

FAMILIES: Final[dict[str, str]] = {
    "HTTP": "the message that carries it all",
    "SSE": "the framing of event streams",
    "DLV": "delivery in time",
    "CHK": "chat chunks",
    "CMP": "whole chat answers",
    "EQV": "the same answer, streamed or whole",
    "USE": "usage",
    "TOOL": "tool calls",
    "MSG": "the Messages API's own events and answers",
    "RSP": "the Responses API's own events and answers",
    "NYI": "streaming that is not implemented",
    "FLD": "silent drops",
    "PAR": "the effect of each parameter",
    "ERR": "errors",
    "AUTH": "keys",
    "MDL": "the list of models",
    "BILL": "what errors, refusals and retries cost",
    "LIFE": "disconnects and concurrency",
}
"""What each family of rules is about, by the letters of its IDs."""
