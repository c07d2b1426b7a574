"""The environments: the real clients, the packages that each needs, and the driver that runs it."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent
CHECKOUT = HERE.parents[1]
CACHE = CHECKOUT / ".cache" / "fidelity"
PIP = ("-m", "pip", "install", "--disable-pip-version-check", "--no-input", "--quiet")
INSTALLS_WITHIN_S = 900


Replies = Literal["any", "text", "spoken"]
"""Which generated replies a client gets; `spoken`: an agent that sends its text by a tool."""


@dataclass(frozen=True, kw_only=True)
class Environment:
    """One set of packages and the clients in it.

    `surfaces` maps the driver's name for a client to the client's name, its API and the modes to run. `heavy` clients
    take seconds per message and run only the scenes in `FEW`. `within_s` limits one run of the driver. On a generated
    reply a client seems to hang after `patience_s`; an agent gets only those `replies` that say something.
    """

    name: str
    driver: str
    surfaces: dict[str, tuple[str, str, tuple[str, ...]]] = field(default_factory=dict)
    heavy: bool = False
    quick: bool = False
    within_s: int = 300
    patience_s: float = 2.5
    replies: Replies = "any"

    @property
    def folder(self):
        return CACHE / self.name

    @property
    def on_node(self):
        return self.driver.endswith(".mjs")

    @property
    def requirements(self):
        return HERE / (f"{self.name}/package.json" if self.on_node else f"requirements/{self.name}.txt")

    @property
    def command(self):
        """The command that starts the driver; Node itself may be one of the packages."""
        if self.on_node:
            own = self.folder / "node_modules/node/bin/node"
            return [own if own.exists() else "node", self.folder / self.driver]
        return [self.folder / "bin/python", HERE / "drivers" / self.driver]


BOTH, STREAM, UNARY = ("stream", "unary"), ("stream",), ("unary",)
ENVIRONMENTS = (
    Environment(
        name="openai-3",
        driver="openai_python.py",
        surfaces={
            "plain": ("openai-python 3.54", "chat", BOTH),
            "helper": ("openai-python 3.54 (stream helper)", "chat", STREAM),
            "responses": ("openai-python 3.54 (Responses)", "responses", BOTH),
            "completions": ("openai-python 3.54 (Completions)", "completions", BOTH),
            "embeddings": ("openai-python 3.54 (Embeddings)", "embeddings", UNARY),
        },
        quick=True,
    ),
    Environment(name="openai-2", driver="openai_python.py", surfaces={"plain": ("openai-python 2.24", "chat", BOTH)}),
    Environment(name="openai-1", driver="openai_python.py", surfaces={"plain": ("openai-python 1.109", "chat", BOTH)}),
    Environment(
        name="anthropic",
        driver="anthropic_python.py",
        surfaces={
            "helper": ("Claude SDK 2.12", "messages", BOTH),
            "raw": ("Claude SDK 2.12 (raw stream)", "messages", STREAM),
        },
        quick=True,
    ),
    Environment(
        name="langgraph",
        driver="langgraph_graph.py",
        surfaces={
            "chat": ("LangGraph 1.2", "chat", BOTH),
            "retrying": ("LangGraph 1.2 (RetryPolicy)", "chat", STREAM),
            "anthropic": ("LangGraph 1.2 (ChatAnthropic)", "messages", BOTH),
            "embeddings": ("LangChain 1.7 (OpenAIEmbeddings)", "embeddings", UNARY),
        },
        quick=True,
    ),
    Environment(
        name="openai-agents",
        driver="openai_agents.py",
        surfaces={
            "chat": ("OpenAI Agents SDK 0.24", "chat", BOTH),
            "responses": ("OpenAI Agents SDK 0.24 (Responses)", "responses", BOTH),
        },
    ),
    Environment(
        name="pydantic-ai",
        driver="pydantic_ai_agent.py",
        surfaces={
            "chat": ("Pydantic AI 2.68", "chat", BOTH),
            "anthropic": ("Pydantic AI 2.68 (Anthropic)", "messages", STREAM),
        },
    ),
    Environment(name="litellm", driver="litellm_completion.py", surfaces={"chat": ("LiteLLM 1.106", "chat", BOTH)}),
    Environment(
        name="llama-index",
        driver="llama_index_embedding.py",
        surfaces={"embeddings": ("LlamaIndex 0.14", "embeddings", UNARY)},
        heavy=True,
        within_s=600,
    ),
    Environment(
        name="lm-evaluation-harness",
        driver="lm_evaluation_harness.py",
        surfaces={
            "generate": ("lm-evaluation-harness 0.4", "completions", UNARY),
            "loglikelihood": ("lm-evaluation-harness 0.4", "completions", UNARY),
        },
        within_s=120,
    ),
    Environment(name="instructor", driver="instructor_client.py", surfaces={"chat": ("Instructor 1.17", "chat", BOTH)}),
    Environment(
        name="node-22",
        driver="node.mjs",
        surfaces={
            "plain": ("openai-node 7.59", "chat", BOTH),
            "helper": ("openai-node 7.59 (stream helper)", "chat", STREAM),
            "embeddings": ("openai-node 7.59 (Embeddings)", "embeddings", UNARY),
            "compatible": ("AI SDK 7 (openai-compatible)", "chat", BOTH),
            "openai": ("AI SDK 7 (openai)", "chat", BOTH),
            "anthropic": ("AI SDK 7 (anthropic)", "messages", BOTH),
        },
    ),
    Environment(
        name="node",
        driver="node.mjs",
        surfaces={
            "plain": ("openai-node 6.49", "chat", BOTH),
            "helper": ("openai-node 6.49 (stream helper)", "chat", STREAM),
            "embeddings": ("openai-node 6.49 (Embeddings)", "embeddings", UNARY),
            "compatible": ("AI SDK 6 (openai-compatible)", "chat", BOTH),
            "openai": ("AI SDK 6 (openai)", "chat", BOTH),
            "anthropic": ("AI SDK 6 (anthropic)", "messages", BOTH),
        },
    ),
    Environment(
        name="crewai",
        driver="crewai_crew.py",
        surfaces={
            "crew": ("CrewAI 1.15", "chat", BOTH),
            "call": ("CrewAI 1.15 (LLM.call)", "chat", BOTH),
            "memory": ("CrewAI 1.15 (Memory)", "embeddings", UNARY),
            "knowledge": ("CrewAI 1.15 (Knowledge)", "embeddings", UNARY),
        },
        heavy=True,
        patience_s=20.0,
        replies="text",
    ),
    Environment(
        name="hermes-0.19",
        driver="hermes_agent.py",
        surfaces={
            "chat": ("hermes 0.19", "chat", STREAM),
            "anthropic": ("hermes 0.19 (Anthropic)", "messages", STREAM),
        },
        heavy=True,
        within_s=900,
        patience_s=60.0,
        replies="text",
    ),
    Environment(
        name="hermes-0.14",
        driver="hermes_agent.py",
        surfaces={"chat": ("hermes 0.14", "chat", STREAM)},
        heavy=True,
        within_s=600,
        patience_s=60.0,
        replies="text",
    ),
    Environment(
        name="claude-agent-sdk",
        driver="claude_agent.py",
        surfaces={"messages": ("Claude Agent SDK 0.2", "messages", STREAM)},
        heavy=True,
        within_s=600,
        patience_s=40.0,
        replies="text",
    ),
    Environment(
        name="letta-0.16",
        driver="letta_server.py",
        surfaces={
            "chat": ("Letta 0.16", "chat", BOTH),
            "embeddings": ("Letta 0.16 (embeddings)", "embeddings", UNARY),
        },
        heavy=True,
        within_s=900,
        patience_s=60.0,
        replies="text",
    ),
    Environment(
        name="letta-0.11",
        driver="letta_server.py",
        surfaces={"chat": ("Letta 0.11", "chat", BOTH)},
        heavy=True,
        within_s=900,
        patience_s=60.0,
        replies="spoken",
    ),
)

LEFT_OUT = {}
"""Clients that are predicted but not measured here, and why."""


def install(environment):
    """Install an environment in .cache, unless it is there and its requirements have not changed.

    Raises CalledProcessError if its packages cannot be installed.
    """
    stamp = environment.folder / "stamp"
    wanted = environment.requirements.read_text() + environment.driver
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(environment.folder, ignore_errors=True)
        environment.folder.mkdir(parents=True)
        (_install_on_node if environment.on_node else _install_on_python)(environment)
        stamp.write_text(wanted)
    if environment.on_node:  # node looks for packages in the folder of the script
        shutil.copy(HERE / "drivers" / environment.driver, environment.folder)


def _install_on_python(environment):
    subprocess.run([sys.executable, "-m", "venv", environment.folder], check=True)
    pip = [environment.folder / "bin/python", *PIP]
    _quietly([*pip, "--upgrade", "pip"], environment.folder)  # Python 3.11's pip fails on extras given twice
    _quietly([*pip, "-r", environment.requirements], environment.folder)


def _install_on_node(environment):
    shutil.copy(environment.requirements, environment.folder)
    _quietly(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"], environment.folder)


def _quietly(command, folder):
    """Run a command without this project's pip constraints: they do not apply to these packages."""

    environ = {name: value for name, value in os.environ.items() if name != "PIP_CONSTRAINT"}
    subprocess.run(
        command, cwd=folder, env=environ, check=True, capture_output=True, text=True, timeout=INSTALLS_WITHIN_S
    )


def versions(environment, names=()):
    """Installed versions of the required packages and of `names`, by package name."""
    names = [*_required(environment), *names]
    if environment.on_node:
        paths = {name: environment.folder / "node_modules" / name / "package.json" for name in names}
        return {name: json.loads(path.read_text())["version"] for name, path in paths.items()}
    code = "import sys, json, importlib.metadata as m; print(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
    command = [environment.folder / "bin/python", "-c", code, *names]
    told = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(told.stdout)


def _required(environment):
    told = environment.requirements.read_text()
    if environment.on_node:
        return json.loads(told)["dependencies"]
    return [line.split("[")[0].split("=")[0].split("<")[0] for line in told.split()]
