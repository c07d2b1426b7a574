"""What real clients did, measured on loopback in November 2026: one line per behaviour, one column per client.

A cell is outcome/requests; a dot was not measured. t text, t+ more than the text, p a part of it, - nothing,
x an exception, px a part and an exception, ok and bad a tool call. Of embeddings, p are vectors that are not those of
the response. A framework's placeholder for an empty response counts as nothing, and a repeated part of the text as a
part. The request that carries a tool's result is not counted.
`done_then_hold` was released after 40 s; a client that waits for that hangs. The Claude Agent SDK had 88 s per
message: where its ten retries take longer it hangs, and all eleven requests are counted. Results of a race between an
error and the text before it (Pydantic AI buffers text for a tenth of a second) are omitted.
"""

from facts_chat import CHAT, CHAT_CLIENTS
from facts_embeddings import COMPLETIONS, COMPLETIONS_CLIENTS, EMBEDDINGS, EMBEDDINGS_CLIENTS
from facts_messages import MESSAGES, MESSAGES_CLIENTS, MESSAGES_FRAMEWORKS, MESSAGES_FRAMEWORKS_DID
from facts_more_chat import CALL_CLIENTS, CALL_CLIENTS_DID, CHAT_LOOPS, CHAT_LOOPS_DID, CHAT_SDKS, CHAT_SDKS_DID
from facts_node_22 import NODE_22_CHAT, NODE_22_CHAT_DID, NODE_22_MESSAGES, NODE_22_MESSAGES_DID
from facts_responses import RESPONSES, RESPONSES_CLIENTS

OUTCOMES = {
    "t": "text",
    "t+": "text+",
    "p": "partial_text",
    "-": "empty_silent",
    "x": "exception",
    "px": "partial_text+exception",
    "ok": "tool_ok",
    "bad": "tool_bad",
    "hang": "hang",
}

TABLES = (
    ("chat", CHAT_CLIENTS, CHAT),
    ("chat", CHAT_SDKS, CHAT_SDKS_DID),
    ("chat", CHAT_LOOPS, CHAT_LOOPS_DID),
    ("chat", NODE_22_CHAT, NODE_22_CHAT_DID),
    ("called", CALL_CLIENTS, CALL_CLIENTS_DID),
    ("messages", MESSAGES_CLIENTS, MESSAGES),
    ("messages", MESSAGES_FRAMEWORKS, MESSAGES_FRAMEWORKS_DID),
    ("messages", NODE_22_MESSAGES, NODE_22_MESSAGES_DID),
    ("responses", RESPONSES_CLIENTS, RESPONSES),
    ("completions", COMPLETIONS_CLIENTS, COMPLETIONS),
    ("embeddings", EMBEDDINGS_CLIENTS, EMBEDDINGS),
)
"""The kind of the response, the clients, and how each handled it."""
