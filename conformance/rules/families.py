"""The families of rules, in reading order, and the IDs that no rule may use."""

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
    "RSN": "reasoning",
    "MSG": "Messages API events and responses",
    "RSP": "Responses API events and responses",
    "CPL": "text completions: prompts, echo and log probabilities in lists",
    "EMB": "embeddings",
    "NYI": "streaming not implemented (501)",
    "FLD": "silently ignored request fields",
    "PAR": "parameter effects",
    "ERR": "error responses",
    "AUTH": "authentication",
    "MDL": "the model list",
    "BILL": "billing of errors, rejections and retries",
    "LIFE": "disconnects and concurrency",
    "GW": "both sides of a gateway",
    "LOAD": "many users at once",
}
"""The subject of each rule family, by its ID prefix."""

OF_ONE_SIDE: Final = tuple(name for name in FAMILIES if name not in ("GW", "LOAD"))
"""The families that judge the exchanges of one client, in a run, a recording or a proxy's traffic."""
OF_USERS: Final = (*OF_ONE_SIDE, "LOAD")
"""The families that judge a load test."""
NUMBERED_BY_GROUP: Final = (12, *range(25, 30), *range(48, 60), 69, 74, *range(86, 90), *range(113, 120))
"""The numbers of GW between its groups: requests, answers, failures, boundaries, translation."""
RETIRED: Final[dict[str, str]] = {
    **dict.fromkeys((f"BILL{number:03}" for number in range(4, 10)), "never used: the numbers continued at BILL010"),
    **dict.fromkeys((f"GW{number:03}" for number in NUMBERED_BY_GROUP), "never used: each group begins at a ten"),
}
"""Why each ID is out of use, by ID: those of removed rules, too, so that reports and waivers stay unambiguous."""
