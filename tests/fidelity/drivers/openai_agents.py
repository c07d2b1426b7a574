"""The OpenAI Agents SDK: an agent with a tool, on Chat Completions, and on Responses."""

import asyncio

import jobs
from agents import (
    Agent,
    OpenAIChatCompletionsModel,
    OpenAIResponsesModel,
    Runner,
    function_tool,
    set_tracing_disabled,
)
from openai import AsyncOpenAI

set_tracing_disabled(True)


@function_tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return city


async def turn(job, said, model):
    async with AsyncOpenAI(base_url=job["url"], api_key=jobs.KEY) as client:
        agent = Agent(
            name="Greeter",
            instructions="Greet whoever asks for it.",
            model=model(model=jobs.MODEL, openai_client=client),
            tools=[get_weather],
            tool_use_behavior="stop_on_first_tool",
        )
        if job["mode"] == "unary":
            result = await Runner.run(agent, jobs.WORDS)
        else:
            result = Runner.run_streamed(agent, jobs.WORDS)
            async for event in result.stream_events():
                if event.type == "raw_response_event" and event.data.type in (
                    "response.output_text.delta",
                    "response.refusal.delta",
                ):
                    said.add(event.data.delta)
    calls = [item for item in result.raw_responses[-1].output if item.type == "function_call"]
    for call in calls:
        said.made(call.name, call.arguments)
    if job["mode"] == "unary" and not calls:
        said.show(result.final_output)


SURFACES = {
    "chat": lambda job, said: asyncio.run(turn(job, said, OpenAIChatCompletionsModel)),
    "responses": lambda job, said: asyncio.run(turn(job, said, OpenAIResponsesModel)),
}
jobs.run(jobs.warm(SURFACES))
