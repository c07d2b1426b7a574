"""All clients, by the profile whose requests they belong to; a later version of one comes first."""

from typing import Final

from conformance.clients.claude_sdk import CLAUDE_SDK, CLAUDE_SDK_RAW
from conformance.clients.client import Client
from conformance.clients.hermes import HERMES_0_14, HERMES_0_19
from conformance.clients.langgraph import LANGGRAPH
from conformance.clients.letta import LETTA
from conformance.clients.openai_python import OPENAI_2, OPENAI_3

CLIENTS: Final[dict[str, tuple[Client, ...]]] = {
    "hermes": (HERMES_0_19, HERMES_0_14),
    "langgraph": (LANGGRAPH,),
    "letta": (LETTA,),
    "claude-sdk": (CLAUDE_SDK, CLAUDE_SDK_RAW),
    "openai-python": (OPENAI_3, OPENAI_2),
}
