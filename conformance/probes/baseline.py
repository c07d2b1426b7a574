"""The plain turns: a greeting as each framework sends it, a long answer, usage, and two choices."""

from collections.abc import Callable
from typing import Any

from conformance.model.exchange import APIS, MODES, Api, Mode
from conformance.model.probe import Probe

Change = Callable[[dict[str, Any], Mode], Any]
Fields = dict[str, Any]

CAP: dict[Api, str] = {"chat": "max_tokens", "messages": "max_tokens", "responses": "max_output_tokens"}
"""The field that caps an answer."""
LEAST: dict[Api, int] = {"chat": 1, "messages": 1, "responses": 16}
"""The smallest cap that the API documents."""
BRIEF: dict[Api, int] = {"chat": 8, "messages": 8, "responses": 16}
"""Tokens of the short answer beside the long one."""

SHORT, LONG = 2, 3
"""The turns of the answers whose time is judged: alone, so that no answer waits for a slot that we hold.

The short one goes first: if the target caches prompts, the long one is the quicker for it.
"""
BRIEFS = 3
"""So many brief answers, beside the short one, show in a gate how much a target differs from itself."""
COUNT = "Count from one to sixty in words, nothing else."


def words(api: Api, text: str) -> Fields:
    """One message of the user, in place of the conversation."""
    return {"input": text} if api == "responses" else {"messages": [{"role": "user", "content": text}]}


def cap(api: Api, tokens: int) -> Fields:
    """A cap of so many tokens, or the smallest that the API allows."""
    return {CAP[api]: max(tokens, LEAST[api])}


def counting(api: Api, tokens: int) -> Change:
    """Ask for numbers under a cap."""
    fields = words(api, COUNT) | cap(api, tokens)
    return lambda body, _mode: body | fields


def says(text: str, **fields: Any) -> Change:
    """Replace the conversation by one user message, and set these fields."""
    return lambda body, _mode: body | {"messages": [{"role": "user", "content": text}], **fields}


def sets(**fields: Any) -> Change:
    """Set these fields of the greeting."""
    return lambda body, _mode: body | fields


def with_usage(change: Change) -> Change:
    """Ask for the usage as well; a whole answer has it unasked."""

    def asking(body: dict[str, Any], mode: Mode) -> Any:
        more = {"stream_options": {"include_usage": True}} if mode == "stream" else {}
        return change(body, mode) | more

    return asking


def _hello(api: Api) -> Probe:
    return Probe(
        name=f"{api}.hello",
        purpose="A plain greeting, exactly as the framework sends it.",
        api=api,
        asker="framework",
        of_smoke=MODES,
        of_fields=MODES,
        max_tokens=64,
    )


def _timed(api: Api, about: str, purpose: str, tokens: int, turn: int) -> Probe:
    """A question whose time is judged."""
    return Probe(
        name=f"{api}.{about}",
        purpose=purpose,
        api=api,
        modes=("stream",),
        change=counting(api, tokens),
        max_tokens=tokens,
        turn=turn,
    )


def _long(api: Api) -> Probe:
    purpose = "An answer that is long enough to show whether it comes as it is made, or all at once."
    return _timed(api, "long", purpose, 64, LONG)


def _short(api: Api) -> Probe:
    purpose = "The same question under a small cap: what the long answer takes beyond this, its making took."
    return _timed(api, "short", purpose, BRIEF[api], SHORT)


HELLOS = tuple(map(_hello, APIS))
TIMED = (*map(_long, APIS), *map(_short, APIS))
BRIEFS_OF_OTHERS = tuple(
    Probe(
        name=f"{api}.brief.{number}",
        purpose="Brief answers show how much the target's delays differ by themselves.",
        api=api,
        modes=("stream",),
        change=counting(api, number + LEAST[api] - 1),
        max_tokens=number + LEAST[api] - 1,
        suite="gate" if number <= BRIEFS else "full",
    )
    for api in APIS
    if api != "chat"
    for number in range(1, 7)
)
CHAT_USAGE = Probe(
    name="chat.usage",
    purpose="A stream is asked to end with its token usage.",
    api="chat",
    modes=("stream",),
    change=sets(stream_options={"include_usage": True}, max_tokens=8),
    of_fields=("stream",),
    max_tokens=8,
)
CHAT_N = Probe(
    name="chat.n",
    purpose="Two answers to one question are asked for.",
    api="chat",
    change=with_usage(sets(n=2, max_tokens=4)),
    of_fields=MODES,
    max_tokens=8,
)
