"""The OpenAI Agents SDK: an agent on Chat Completions, and on Responses."""

import asyncio

import jobs
from agents import Agent, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, set_tracing_disabled
from openai import AsyncOpenAI

set_tracing_disabled(True)


async def turn(job, said, model):
    client = AsyncOpenAI(base_url=job["url"], api_key=jobs.KEY)
    agent = Agent(
        name="Greeter",
        instructions="Greet whoever asks for it.",
        model=model(model=jobs.MODEL, openai_client=client),
    )
    if job["mode"] == "unary":
        said.show((await Runner.run(agent, jobs.WORDS)).final_output)
        return
    result = Runner.run_streamed(agent, jobs.WORDS)
    async for event in result.stream_events():
        if event.type == "raw_response_event" and event.data.type in (
            "response.output_text.delta",
            "response.refusal.delta",
        ):
            said.add(event.data.delta)


jobs.run(
    {
        "chat": lambda job, said: asyncio.run(turn(job, said, OpenAIChatCompletionsModel)),
        "responses": lambda job, said: asyncio.run(turn(job, said, OpenAIResponsesModel)),
    }
)
