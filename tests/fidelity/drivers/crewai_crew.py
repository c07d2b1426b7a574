"""CrewAI: an LLM, a crew of one agent with one task, and what its memory and its knowledge store of a text."""

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from uuid import uuid4

os.environ |= {"CREWAI_DISABLE_TELEMETRY": "true", "OTEL_SDK_DISABLED": "true", "CREWAI_TRACING_ENABLED": "false"}
os.environ["CREWAI_STORAGE_DIR"] = tempfile.mkdtemp(prefix="crewai-")

import jobs
from crewai import LLM, Agent, Crew, Memory, Task
from crewai.knowledge.knowledge import Knowledge
from crewai.knowledge.source.string_knowledge_source import StringKnowledgeSource

HOME = Path(os.environ["CREWAI_STORAGE_DIR"])
atexit.register(shutil.rmtree, HOME, ignore_errors=True)


def made(job):
    stream = job["mode"] == "stream"
    return LLM(model=jobs.MODEL, provider="openai", base_url=job["url"], api_key=jobs.KEY, stream=stream)


def call(job, said):
    said.add(made(job).call(jobs.TASK))


def crew(job, said):
    agent = Agent(role="Greeter", goal="Greet", backstory="You greet.", llm=made(job), verbose=False)
    task = Task(description=jobs.WORDS, expected_output="A greeting.", agent=agent)
    said.add(Crew(agents=[agent], tasks=[task], verbose=False).kickoff().raw)


def embedder(job):
    return {"provider": "openai", "config": {"model_name": jobs.MODEL, "api_base": job["url"], "api_key": jobs.KEY}}


def memory(job, said):
    """With its scope, categories and importance given, a text is stored without a question to the LLM."""
    kept = Memory(llm=made(job), embedder=embedder(job), storage=str(HOME / uuid4().hex))
    said.hold([kept.remember(jobs.WORDS, scope="/", categories=[], importance=0.5).embedding])


def knowledge(job, said):
    name = uuid4().hex
    known = Knowledge(name, [StringKnowledgeSource(content=jobs.WORDS)], embedder=embedder(job))
    known.add_sources()
    collection = known.storage._get_client().client.get_collection(f"knowledge_{name}")
    said.hold(collection.get(include=["embeddings"])["embeddings"].tolist())


sys.stdout = sys.stderr  # CrewAI prints, also in the middle of a result
jobs.run({"call": call, "crew": crew, "memory": memory, "knowledge": knowledge}, at_once=4)
