"""hermes-agent: its command line, each job in its own home folder; for generated replies, its agent in this process.

The command line takes four seconds to start. It prints what the agent returns, and fails if the agent did.
"""

import importlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import jobs

HERMES = Path(sys.executable).with_name("hermes")
CONFIG = """\
model:
  default: {model}
  provider: custom
  base_url: {url}
  api_key: {key}
  api_mode: {mode}
"""
AS_INSTALLED = """\
security:
  allow_lazy_installs: false
"""
"""Without it hermes installs the latest Anthropic SDK at run time."""
WARNING = "⚠ tirith"
"""Its warning that a scanner is not installed."""
SHOWN_AS_EMPTY = ("(empty)", "⚠️ No reply")
LOOPS = ("agent.conversation_loop", "run_agent")
"""Where the versions of hermes have the loop that waits between retries."""


class SkippingClock:
    """The module `time`, but for a thread that sleeps: its clock jumps to when it would wake up."""

    def __init__(self):
        self._skipped = threading.local()

    def __getattr__(self, name):
        return getattr(time, name)

    def time(self):
        return time.time() + getattr(self._skipped, "seconds", 0.0)

    def sleep(self, seconds):
        self._skipped.seconds = getattr(self._skipped, "seconds", 0.0) + seconds


def turn(job, said, *, mode):
    url = job["url"].removesuffix("/v1") if mode == "anthropic_messages" else job["url"]
    if "patience_s" in job:
        in_this_process(url, said, mode)
    else:
        on_the_command_line(url, said, mode)


def on_the_command_line(url, said, mode):
    with tempfile.TemporaryDirectory() as home:
        config = CONFIG.format(model=jobs.MODEL, url=url, key=jobs.KEY, mode=mode)
        config += AS_INSTALLED if mode == "anthropic_messages" else ""
        (Path(home) / "config.yaml").write_text(config)
        environ = {"PATH": os.environ["PATH"], "HOME": home, "HERMES_HOME": home}
        command = [HERMES, "chat", "-Q", "-q", jobs.WORDS]
        pipes = {"stdin": subprocess.DEVNULL, "capture_output": True, "text": True}
        ran = subprocess.run(command, env=environ, cwd=home, **pipes, timeout=110, check=False)
    lines = (line for line in ran.stdout.splitlines() if not line.strip().startswith(WARNING))
    text = "\n".join(lines).strip()
    if ran.returncode:
        raise RuntimeError(text or ran.stderr[-300:])
    show(text, said)


def in_this_process(url, said, mode):
    agent = agent_class()(
        base_url=url,
        api_key=jobs.KEY,
        provider="custom",
        api_mode=mode,
        model=jobs.MODEL,
        quiet_mode=True,
        platform="cli",
        thinking_callback=lambda _told: None,
        skip_context_files=True,
        skip_memory=True,
    )
    agent.suppress_status_output = True
    printed = []
    agent._print_fn = lambda *told, **_: printed.append(" ".join(map(str, told)))
    result = agent.run_conversation(user_message=jobs.WORDS, conversation_history=[])
    text = "\n".join([*printed, result.get("final_response") or ""]).strip()
    if result.get("failed"):
        raise RuntimeError(text or result.get("error"))
    show(text, said)


def show(text, said):
    said.add("" if text.startswith(SHOWN_AS_EMPTY) else text)


_importing = threading.Lock()


def agent_class():
    """The agent, imported at its first use, with a clock that does not wait between retries."""
    with _importing:
        if "run_agent" not in sys.modules:
            for name in LOOPS:
                try:
                    importlib.import_module(name).time = SkippingClock()
                except ModuleNotFoundError:
                    continue
    return sys.modules["run_agent"].AIAgent


with tempfile.TemporaryDirectory() as home:
    os.environ.update({"HOME": home, "HERMES_HOME": home})
    (Path(home) / "config.yaml").write_text(AS_INSTALLED)
    sys.stdout = sys.stderr
    jobs.run(
        {
            "chat": lambda job, said: turn(job, said, mode="chat_completions"),
            "anthropic": lambda job, said: turn(job, said, mode="anthropic_messages"),
        },
        at_once=6,
    )
