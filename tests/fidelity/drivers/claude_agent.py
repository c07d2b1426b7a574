"""The Claude Agent SDK: one query to Claude Code, each in its own home folder."""

import tempfile

import anyio
import jobs
from claude_agent_sdk import AssistantMessage, ClaudeAgentOptions, TextBlock, query

MODEL = "claude-sonnet-4-5"
"""The request depends on the model's name."""


LONGEST_S = 88
"""Ten retries take twice as long; that counts as a hang."""


async def turn(job, said):
    with tempfile.TemporaryDirectory() as home, anyio.fail_after(job.get("patience_s", LONGEST_S)):
        environ = {
            "HOME": home,
            "ANTHROPIC_BASE_URL": job["url"].removesuffix("/v1"),
            "ANTHROPIC_API_KEY": jobs.KEY,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
        }
        options = ClaudeAgentOptions(model=MODEL, env=environ, cwd=home)
        async for message in query(prompt=jobs.WORDS, options=options):
            if isinstance(message, AssistantMessage):
                said.add("".join(block.text for block in message.content if isinstance(block, TextBlock)))


jobs.run({"messages": lambda job, said: anyio.run(turn, job, said)}, at_once=4)
