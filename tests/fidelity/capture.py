"""Record the requests that real frameworks send to the embedded server, and write them into the profiles.

    python tests/fidelity/capture.py            every environment that can be installed here
    python tests/fidelity/capture.py NAME...    these environments only
    python tests/fidelity/capture.py --check    write nothing; exit code 1 if a recording would change

`git diff conformance/profiles` shows the changes. Of a framework's texts a recording keeps only the length; for values
that are new in each run (ids, the key, the model's name) it keeps a placeholder.
"""

import argparse
import json
import re
import subprocess
import sys
from datetime import UTC, datetime

from drivers.asked import KEY as KEY_SENT
from drivers.asked import WORDS
from environments import ENVIRONMENTS, install, versions
from measure import counts, driven
from msgspec.structs import replace
from scenes import scenes
from stage import playing

from conformance.model.profile import KEY, MODEL
from conformance.model.words import MODES
from conformance.profiles.recording import FOLDER, Sent, read, write

PROFILES = {
    ("openai-3", "plain"): "openai-python",
    ("anthropic", "helper"): "claude-sdk",
    ("langgraph", "chat"): "langgraph",
    ("langgraph", "embeddings"): "langgraph",
    ("openai-3", "responses"): "openai-python",
    ("openai-3", "embeddings"): "openai-python",
    ("openai-agents", "chat"): "openai-agents",
    ("openai-agents", "responses"): "openai-agents",
    ("pydantic-ai", "chat"): "pydantic-ai",
    ("pydantic-ai", "anthropic"): "pydantic-ai",
    ("litellm", "chat"): "litellm",
    ("instructor", "chat"): "instructor",
    ("node", "plain"): "openai-node",
    ("node", "compatible"): "vercel-ai-sdk",
    ("node", "anthropic"): "vercel-ai-sdk",
    ("crewai", "crew"): "crewai",
    ("crewai", "knowledge"): "crewai",
    ("lm-evaluation-harness", "loglikelihood"): "lm-evaluation-harness",
    ("hermes-0.19", "chat"): "hermes",
    ("claude-agent-sdk", "messages"): "claude-agent-sdk",
}
"""Profile by (environment, surface)."""

MAKES_IT_FALL_BACK = ("501_on_stream_only", "silent-json")
"""Scenes that make a framework that always streams fall back to a non-streaming request."""

CONNECTION = ("host", "content-length")
TEXTS = ("description", "content", "text", "system")
NAMED = ("properties", "$defs")
"""Objects whose keys are the framework's own names, not fields of the API."""
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
NO_UUID = "00000000-0000-4000-8000-000000000000"
DIGEST = re.compile(r"(?<![0-9a-f])[0-9a-f]{32,}(?![0-9a-f])")


def kept(request):
    """The recorded form of a request, and its query with the `?`."""
    target, headers, body = request
    found = {name: _scrubbed(value) for name, value in headers if name.lower() not in CONNECTION}
    _, mark, query = target.partition("?")
    return Sent(headers=found, body=_kept(json.loads(body) | {"model": MODEL})), mark + query


def _kept(value, field=""):
    if isinstance(value, dict):
        return {name: _kept(item, "" if field in NAMED else name) for name, item in value.items()}
    if isinstance(value, list):
        return [_kept(item, field) for item in value]
    if isinstance(value, str):
        is_prose = field in TEXTS and value != WORDS
        return f"{{prose:{len(value)}}}" if is_prose else _scrubbed(value)
    return value


def _scrubbed(text):
    """Replace the values in a text that are new in each run: the key, UUIDs and digests."""
    text = UUID.sub(NO_UUID, text.replace(KEY_SENT, KEY))
    return DIGEST.sub(lambda found: "0" * len(found[0]), text)


def captured(environment):
    """(profile, API, mode, request) of each surface with a profile; the request is the first one sent, or None."""
    for surface, (client, api, modes) in environment.surfaces.items():
        if name := PROFILES.get((environment.name, surface)):
            for mode in MODES if "stream" in modes else modes:
                scene = ("native-sse",) if mode in modes else MAKES_IT_FALL_BACK
                job = {"id": "capture", "surface": surface, "client": client, "mode": modes[0]}
                asked = job | {"mode": mode} if mode in modes else job
                yield name, api, mode, _first(environment, asked, api, mode, scene)


def _first(environment, job, api, mode, names):
    """The first request of a job in a mode, from the first of the named scenes with one, or None."""
    for name in names:
        with playing([scenes(api)[name]]) as (stage,):
            driven(environment, [job | {"url": stage.url}])
            both = zip(stage.exchanges, stage.requests, strict=True)
            found = next((request for x, request in both if counts(job, x) and x.mode == mode), None)
            if found:
                return found
    return None


def without_stream(sent):
    """The same request without `stream`, for a framework that never falls back."""
    body = {name: value for name, value in sent.body.items() if name not in ("stream", "stream_options")}
    return replace(sent, body=body)


def renewed(recording, requests, told):
    """A recording with these requests and versions; the date changes only if something else does."""
    sent = {mode: kept(request) for mode, request in requests.items() if request}
    stream, query = sent.get("stream") or (None, sent["unary"][1])
    unary = sent["unary"][0] if "unary" in sent else without_stream(stream)
    packages = {name: told[name.removeprefix("npm:")] for name in recording.packages}
    new = replace(recording, stream=stream, unary=unary, query=query, packages=packages)
    return new if new == recording else replace(new, captured=f"{datetime.now(UTC):%Y-%m-%d}")


def capture(environment):
    """(file, new recordings) of each profile of an environment."""
    requests = {}
    for name, api, mode, request in captured(environment):
        requests.setdefault((name, api), {})[mode] = request
    for name in dict.fromkeys(name for name, _ in requests):
        path = FOLDER / f"{name}.json"
        recordings = read(path)
        told = versions(environment, {p.removeprefix("npm:") for r in recordings for p in r.packages})
        found = [(r, requests.get((name, r.api))) for r in recordings]
        yield path, tuple(renewed(r, both, told) if both else r for r, both in found)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--check", action="store_true", help="write nothing; exit code 1 where a recording would change"
    )
    parser.add_argument("names", nargs="*", help=f"only these: {', '.join(e.name for e in ENVIRONMENTS)}")
    options = parser.parse_args()
    drifted = False
    for environment in ENVIRONMENTS:
        if not any(place[0] == environment.name for place in PROFILES):
            continue
        if options.names and environment.name not in options.names:
            continue
        try:
            install(environment)
        except (subprocess.SubprocessError, OSError) as error:
            print(f"{environment.name}: not installed: {error}")
            continue
        for path, recordings in capture(environment):
            differs = read(path) != recordings
            drifted = drifted or differs
            print(f"{path.stem} ({environment.name}): {'changed' if differs else 'as recorded'}", flush=True)
            if differs and not options.check:
                write(path, recordings)
    sys.exit(drifted and options.check)


if __name__ == "__main__":
    main()
