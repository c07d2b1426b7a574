"""hermes-agent: its command line, each job in its own home folder."""

import os
import subprocess
import sys
import tempfile
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


def turn(job, said, *, mode):
    with tempfile.TemporaryDirectory() as home:
        url = job["url"].removesuffix("/v1") if mode == "anthropic_messages" else job["url"]
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
    said.add("" if text.startswith(SHOWN_AS_EMPTY) else text)


jobs.run(
    {
        "chat": lambda job, said: turn(job, said, mode="chat_completions"),
        "anthropic": lambda job, said: turn(job, said, mode="anthropic_messages"),
    },
    at_once=3,
)
