"""Pydantic AI: an agent on openai-python or anthropic-python."""

import asyncio

import jobs
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider


async def turn(agent, job, said):
    if job["mode"] == "unary":
        said.show((await agent.run(jobs.WORDS)).output)
        return
    async with agent.run_stream(jobs.WORDS) as result:
        async for text in result.stream_text(delta=True):
            said.add(text)


def chat(job, said):
    provider = OpenAIProvider(base_url=job["url"], api_key=jobs.KEY)
    asyncio.run(turn(Agent(OpenAIChatModel(jobs.MODEL, provider=provider)), job, said))


def anthropic(job, said):
    provider = AnthropicProvider(base_url=job["url"].removesuffix("/v1"), api_key=jobs.KEY)
    asyncio.run(turn(Agent(AnthropicModel(jobs.MODEL, provider=provider)), job, said))


jobs.run({"chat": chat, "anthropic": anthropic})
