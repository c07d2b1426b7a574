"""All clients by profile; the later and the more common versions come first."""

from typing import Final

from conformance.clients.ai_sdk_chat import AI_SDK_7_COMPATIBLE, AI_SDK_7_OPENAI, AI_SDK_COMPATIBLE, AI_SDK_OPENAI
from conformance.clients.ai_sdk_messages import AI_SDK_7_ANTHROPIC, AI_SDK_ANTHROPIC
from conformance.clients.claude_agent_sdk import CLAUDE_AGENT_SDK
from conformance.clients.claude_sdk import CLAUDE_SDK, CLAUDE_SDK_RAW
from conformance.clients.client import Client
from conformance.clients.crewai import CREWAI, CREWAI_LLM
from conformance.clients.crewai_embeddings import CREWAI_KNOWLEDGE, CREWAI_MEMORY
from conformance.clients.embeddings import OPENAI_3_EMBEDDINGS
from conformance.clients.embeddings_frameworks import LANGCHAIN_EMBEDDINGS, LETTA_EMBEDDINGS, LLAMA_INDEX
from conformance.clients.embeddings_node import OPENAI_NODE_7_EMBEDDINGS, OPENAI_NODE_EMBEDDINGS
from conformance.clients.hermes import HERMES_0_14, HERMES_0_19, HERMES_0_19_ANTHROPIC
from conformance.clients.instructor import INSTRUCTOR
from conformance.clients.langgraph import LANGGRAPH, LANGGRAPH_RETRYING
from conformance.clients.langgraph_messages import LANGGRAPH_ANTHROPIC
from conformance.clients.letta import LETTA
from conformance.clients.letta_0_11 import LETTA_0_11
from conformance.clients.litellm import LITELLM
from conformance.clients.lm_evaluation_harness import LM_EVALUATION_HARNESS
from conformance.clients.openai_agents import OPENAI_AGENTS
from conformance.clients.openai_agents_responses import OPENAI_AGENTS_RESPONSES
from conformance.clients.openai_completions import OPENAI_3_COMPLETIONS
from conformance.clients.openai_node import OPENAI_NODE
from conformance.clients.openai_node_7 import OPENAI_NODE_7
from conformance.clients.openai_node_7_helper import OPENAI_NODE_7_HELPER
from conformance.clients.openai_node_helper import OPENAI_NODE_HELPER
from conformance.clients.openai_python import OPENAI_1, OPENAI_2, OPENAI_3, OPENAI_3_HELPER
from conformance.clients.openai_responses import OPENAI_3_RESPONSES
from conformance.clients.pydantic_ai import PYDANTIC_AI
from conformance.clients.pydantic_ai_messages import PYDANTIC_AI_ANTHROPIC

CLIENTS: Final[dict[str, tuple[Client, ...]]] = {
    "hermes": (HERMES_0_19, HERMES_0_14, HERMES_0_19_ANTHROPIC),
    "langgraph": (LANGGRAPH, LANGGRAPH_RETRYING, LANGGRAPH_ANTHROPIC, LANGCHAIN_EMBEDDINGS),
    "letta": (LETTA, LETTA_0_11, LETTA_EMBEDDINGS),
    "claude-sdk": (CLAUDE_SDK, CLAUDE_SDK_RAW),
    "claude-agent-sdk": (CLAUDE_AGENT_SDK,),
    "openai-python": (
        OPENAI_3,
        OPENAI_3_HELPER,
        OPENAI_2,
        OPENAI_1,
        OPENAI_3_RESPONSES,
        OPENAI_3_COMPLETIONS,
        OPENAI_3_EMBEDDINGS,
    ),
    "openai-node": (
        OPENAI_NODE_7,
        OPENAI_NODE_7_HELPER,
        OPENAI_NODE,
        OPENAI_NODE_HELPER,
        OPENAI_NODE_7_EMBEDDINGS,
        OPENAI_NODE_EMBEDDINGS,
    ),
    "openai-agents": (OPENAI_AGENTS, OPENAI_AGENTS_RESPONSES),
    "pydantic-ai": (PYDANTIC_AI, PYDANTIC_AI_ANTHROPIC),
    "vercel-ai-sdk": (
        AI_SDK_7_COMPATIBLE,
        AI_SDK_7_OPENAI,
        AI_SDK_7_ANTHROPIC,
        AI_SDK_COMPATIBLE,
        AI_SDK_OPENAI,
        AI_SDK_ANTHROPIC,
    ),
    "litellm": (LITELLM,),
    "llama-index": (LLAMA_INDEX,),
    "lm-evaluation-harness": (LM_EVALUATION_HARNESS,),
    "crewai": (CREWAI, CREWAI_LLM, CREWAI_MEMORY, CREWAI_KNOWLEDGE),
    "instructor": (INSTRUCTOR,),
}
