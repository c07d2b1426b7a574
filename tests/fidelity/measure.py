"""Measure the predictions: run the real clients in the scenes, and compare the results with the predictions.

    python tests/fidelity/measure.py            everything that can be installed here; writes docs/client-accuracy.md
    python tests/fidelity/measure.py --quick    openai, anthropic and LangGraph in a few scenes, in a minute
    python tests/fidelity/measure.py NAME...    these environments only; the page keeps the results of the others
    python tests/fidelity/measure.py --few      only the most important scenes, for every client

Exit code 1 if a prediction differs without a known reason.
"""

import argparse
import json
import math
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, replace

import page
from environments import ENVIRONMENTS, install, versions
from scenes import FEW, FEW_OF_EMBEDDINGS, WORDS_OF_BEHAVIOURS, is_worth_playing, scenes, whole
from stage import exchange, playing

from conformance.apis.deltas import deltas
from conformance.apis.request_fields import echoes
from conformance.apis.response_content import response_content
from conformance.clients import CLIENTS, impact
from conformance.clients.turn import DecodedToolCall
from conformance.model.target import Prices
from conformance.parsing.http1 import reply
from conformance.parsing.json_text import parse_json
from conformance.testbed.server.reply import ServerRequest

BY_NAME = {client.name: client for clients in CLIENTS.values() for client in clients}
HANGS = ("TimeoutError", "TimeoutExpired")
AT_ONCE = 256
OTHER_NUMBERS = "other numbers"
ROUNDING = 1e-6
ENDS = re.compile(rb'\[DONE\]|"(?:finish|stop)_reason": ?"|message_stop|response\.completed|"status": ?"completed"')
GARBLED = re.compile("\ufffd+")


@dataclass(frozen=True, kw_only=True)
class Cell:
    """One client in one scene: (outcome, number of requests), as observed and as predicted."""

    client: str
    scene: str
    mode: str
    seen: tuple
    predicted: tuple
    error: str = ""
    uncertain: bool = False

    @property
    def agrees(self):
        """Whether the prediction is correct. For a client that hangs, only the outcome is compared."""
        if "hang" in (self.seen[0], self.predicted[0]):
            return self.seen[0] == self.predicted[0]
        return self.seen == self.predicted

    @property
    def reason(self):
        """Why the prediction is wrong, if known."""
        return page.reason(self)


def jobs_of(environment, *, few):
    """(job, scene) pairs of an environment."""
    for surface, (client, api, modes) in environment.surfaces.items():
        for scene in scenes(api).values():
            for mode in modes:
                if (
                    mode in scene.modes
                    and (scene.name in (*FEW, *FEW_OF_EMBEDDINGS) or not (few or environment.heavy))
                    and is_worth_playing(scene, api, mode)
                ):
                    job = {"id": f"{surface}|{scene.name}|{mode}", "surface": surface, "mode": mode}
                    yield job | {"client": client, "api": api}, scene


def measured(environment, *, few):
    """All cells of an environment, in batches of AT_ONCE scenes.

    What differs is played once more: on a busy machine a client may time out, or send on a connection that just closed.
    """
    todo = list(jobs_of(environment, few=few))
    for at in range(0, len(todo), AT_ONCE):
        part = todo[at : at + AT_ONCE]
        cells = _played(environment, part)
        doubtful = [place for place, cell in enumerate(cells) if not cell.agrees and not cell.reason]
        again = _played(environment, [part[place] for place in doubtful]) if doubtful else []
        for place, cell in zip(doubtful, again, strict=True):
            cells[place] = cell
        yield from cells


def _played(environment, part):
    with playing([scene for _, scene in part]) as stages:
        asked = [job | {"url": stage.url} for (job, _), stage in zip(part, stages, strict=True)]
        said = driven(environment, asked)
        return [
            cell_of(job, scene, stage.exchanges, said.get(job["id"]))
            for (job, scene), stage in zip(part, stages, strict=True)
        ]


def driven(environment, asked):
    """The driver's result of each job, by its id; unfinished jobs are missing.

    Raises RuntimeError if the driver reports no result at all.
    """
    lines = "".join(json.dumps(job) + "\n" for job in asked)
    pipes = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    start = {"cwd": environment.folder, "start_new_session": True}  # some clients write files to the working directory
    with subprocess.Popen(environment.command, **pipes, **start, text=True) as driver:
        try:
            out, err = driver.communicate(lines, timeout=environment.within_s)
        except subprocess.TimeoutExpired:
            os.killpg(driver.pid, signal.SIGKILL)  # with all its child processes
            out, err = driver.communicate()
        finally:
            if driver.poll() is None:
                os.killpg(driver.pid, signal.SIGKILL)
    said = [json.loads(line) for line in out.splitlines() if line.startswith('{"id"')]
    if not said:
        raise RuntimeError(f"{environment.name}: the driver reported nothing: {err[-600:]}")
    return {answer["id"]: answer for answer in said}


def cell_of(job, scene, exchanges, said):
    """The cell of a job from its exchanges, in order, and the driver's result (None: the job did not finish)."""
    exchanges = [x for x in exchanges if counts(job, x)]
    if not exchanges:
        return Cell(client=job["client"], scene=scene.name, mode=job["mode"], seen=("not asked", 0), predicted=("", 0))
    first = exchanges[0]
    asked = _asked(first)
    seen = impact(BY_NAME[job["client"]], first, _fallback(scene, asked, exchanges), Prices())
    predicted = (seen.outcome, seen.requests)
    if first.api == "embeddings" or echoes(first):
        came = "hang" if _hung(said) else _outcome_of_numbers(said, BY_NAME[job["client"]].simulate(first, None))
    else:
        came = "hang" if _hung(said) else _outcome(said, first, exchanges, asked, seen.outcome)
    observed = (came, len(exchanges))
    error = (said or {}).get("error") or ""
    told = {"seen": observed, "predicted": predicted, "error": error[:120], "uncertain": seen.uncertain}
    return Cell(client=job["client"], scene=scene.name, mode=job["mode"], **told)


def counts(job, x):
    """Whether an exchange belongs to the turn: Claude Code also requests a title."""
    return job["client"] != "Claude Agent SDK 0.2" or b'"tools":[' in x.sent


def _asked(x):
    head, _, body = x.sent.partition(b"\r\n\r\n")
    line, *lines = head.decode("latin-1").split("\r\n")
    headers = tuple((name.lower(), value) for name, _, value in (text.partition(": ") for text in lines))
    path = line.split()[1]
    return ServerRequest(
        method="POST", path=path, query="", headers=headers, body=body, json=json.loads(body), api=x.api
    )


def _fallback(scene, asked, exchanges):
    """The first non-streaming exchange, or a simulated one: the same request without `stream`."""
    for x in exchanges:
        if x.mode == "unary":
            return x
    body = {name: value for name, value in asked.json.items() if name not in ("stream", "stream_options")}
    unary = replace(asked, json=body, body=json.dumps(body).encode())
    return exchange(unary, unary.headers, scene(unary), 0)


def _hung(said):
    return said is None or (said["error"] or "").startswith(HANGS)


def _outcome(said, first, exchanges, asked, predicted):
    """The outcome, as an impact names it.

    The text is complete if it is the text of a good response. Of a text that is the response's own only the bytes tell:
    without an end it is partial.
    """
    text, error = _joined(said["text"]).strip(), said["error"]
    if error:
        return "partial_text+exception" if text else "exception"
    tools = [DecodedToolCall(name=name, arguments=arguments) for name, arguments in said["tools"]]
    if tools and not text:
        return "tool_ok" if all(tool.callable for tool in tools) else "tool_bad"
    if not text:
        return "empty_silent"
    last = exchanges[-1]
    if text in _carried(last) and predicted == ("text" if _says_all(last) else "partial_text"):
        return predicted
    wholes = {whole(asked).strip(), WORDS_OF_BEHAVIOURS, *_spoken(last)} - {""}
    if any(_is_garbled(text, known) for known in wholes):
        return "text"
    return "text+" if any(known in text for known in wholes) else "partial_text"


def _outcome_of_numbers(said, simulation):
    """The outcome, as an impact names it: as predicted where the client holds the predicted vectors or scores."""
    if said["error"]:
        return "exception"
    is_same = are_alike(numbers_in(said["text"]), numbers_in(simulation.turn.text))
    return simulation.outcome if is_same else OTHER_NUMBERS


def numbers_in(text):
    """The vectors or scores that a driver tells, or a simulation; JavaScript writes null for what is no number."""
    return json.loads(text, parse_int=float, parse_constant=lambda _: None) if text else None


def are_alike(one, other):
    """Whether lists hold the same numbers, up to rounding: Chroma stores a vector as its length and its direction."""
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(are_alike, one, other))
    is_number = isinstance(one, float) and isinstance(other, float)
    return math.isclose(one, other, rel_tol=ROUNDING) if is_number else one == other


def _carried(x):
    """The text of a response: of its deltas, and of its complete completion."""
    pieces = (delta.text for delta in deltas(x))
    whole_text = (choice.text for choice in response_content(x).choices[:1])
    return {_joined("".join(texts)).strip() for texts in (pieces, whole_text)}


def _is_garbled(text, known):
    """Whether a text equals a known one, except for U+FFFD where the server sent invalid bytes."""
    return re.fullmatch(".{0,4}?".join(map(re.escape, GARBLED.split(text))), known, re.DOTALL) is not None


def _spoken(x):
    """The messages in the tool calls of a response, for an agent that sends its text by a tool."""
    said = [parse_json(call.arguments.encode()) for choice in response_content(x).choices for call in choice.calls]
    return [value["message"].strip() for value in said if isinstance(value, dict) and "message" in value]


def _joined(text):
    """A text with its surrogate pairs joined, as a JSON encoder would join them."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _says_all(x):
    """Whether a response has an end marker or a stop reason: it is not truncated."""
    return ENDS.search(reply(x).content) is not None


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="openai, anthropic and LangGraph over a few scenes")
    parser.add_argument("--few", action="store_true", help="only the scenes that matter most")
    parser.add_argument("names", nargs="*", help=f"only these: {', '.join(e.name for e in ENVIRONMENTS)}")
    options = parser.parse_args()
    chosen = [e for e in ENVIRONMENTS if (e.name in options.names if options.names else e.quick or not options.quick)]
    wrong = False
    for environment in chosen:
        began = time.monotonic()
        try:
            install(environment)
        except (subprocess.SubprocessError, OSError) as error:
            why = str(getattr(error, "stderr", "") or error).strip().splitlines()[-1][:200]
            print(f"{environment.name}: not installed: {why}", flush=True)
            page.keep(environment, [], {}, missing=why)
            continue
        ready = time.monotonic()
        mine = list(measured(environment, few=options.quick or options.few))
        wrong = wrong or any(not cell.agrees and not cell.reason for cell in mine)
        agree = sum(cell.agrees for cell in mine)
        took = f"{ready - began:.0f} s to install, {time.monotonic() - ready:.0f} s to run"
        print(f"{environment.name}: {agree} of {len(mine)} cells agree ({took})", flush=True)
        for cell in mine:
            if not cell.agrees:
                print("  ", _told(cell), flush=True)
        if not options.quick:
            page.keep(environment, mine, versions(environment))
    if not options.quick:
        page.write()
    sys.exit(wrong)


def _told(cell):
    seen, predicted = ("/".join(map(str, pair)) for pair in (cell.seen, cell.predicted))
    return f"{cell.client}, {cell.scene} {cell.mode}: {seen}, predicted {predicted}; {cell.reason or cell.error or '?'}"


if __name__ == "__main__":
    main()
