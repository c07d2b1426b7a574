"""CrewAI: an LLM, and a crew of one agent with one task."""

import os
import sys

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true", "CREWAI_TRACING_ENABLED": "false"}

import jobs
from crewai import LLM, Agent, Crew, Task


def made(job):
    stream = job["mode"] == "stream"
    return LLM(model=jobs.MODEL, provider="openai", base_url=job["url"], api_key=jobs.KEY, stream=stream)


def call(job, said):
    said.add(made(job).call(jobs.TASK))


def crew(job, said):
    agent = Agent(role="Greeter", goal="Greet", backstory="You greet.", llm=made(job), verbose=False)
    task = Task(description=jobs.WORDS, expected_output="A greeting.", agent=agent)
    said.add(Crew(agents=[agent], tasks=[task], verbose=False).kickoff().raw)


sys.stdout = sys.stderr  # CrewAI prints, also in the middle of a result
jobs.run({"call": call, "crew": crew}, at_once=4)
