"""Pydantic AI: an agent with a tool, on openai-python or anthropic-python."""

import asyncio
from typing import Any

import jobs
from pydantic_ai import Agent
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider


class CalledError(Exception):
    """The tool was called: the turn ends here."""


def held_s(job):
    """How long text is held: a generated reply arrives at once, but a busy machine takes longer than the default."""
    return job["patience_s"] / 2 if "patience_s" in job else 0.1


async def turn(model, job, said):
    def get_weather(city: Any = None, **more: Any) -> str:
        """Tell the weather in a city."""
        said.made("get_weather", "{}")
        raise CalledError

    agent = Agent(model, tools=[get_weather])
    try:
        if job["mode"] == "unary":
            said.show((await agent.run(jobs.WORDS)).output)
            return
        async with agent.run_stream(jobs.WORDS) as result:
            async for text in result.stream_text(delta=True, debounce_by=held_s(job)):
                said.add(text)
    except CalledError:
        pass


def chat(job, said):
    provider = OpenAIProvider(base_url=job["url"], api_key=jobs.KEY)
    asyncio.run(turn(OpenAIChatModel(jobs.MODEL, provider=provider), job, said))


def anthropic(job, said):
    provider = AnthropicProvider(base_url=job["url"].removesuffix("/v1"), api_key=jobs.KEY)
    asyncio.run(turn(AnthropicModel(jobs.MODEL, provider=provider), job, said))


jobs.run(jobs.warm({"chat": chat, "anthropic": anthropic}))
