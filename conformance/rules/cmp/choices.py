"""The choices of a completion: their list, their numbers, their messages and how they end."""

from collections.abc import Iterator

from conformance.apis.chat import place
from conformance.apis.request import choices_asked
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.parsing.json_values import held, is_integer, shown
from conformance.rules.chk.shape import FINISHES
from conformance.rules.cmp.conditions import choosing, completed
from conformance.rules.cmp.example import CALLS, GOOD, VENDOR, choosing_once, without
from conformance.rules.cmp.shape import choices_of, completion_of, whole_rule
from conformance.rules.example import answered
from conformance.rules.example import completion as whole


@whole_rule(
    "CMP006",
    MUST,
    "A completion has at least one choice, in a list of objects",
    about="choices",
    fix="Send choices as a list with one object for each answer that was asked for, or refuse with a status.",
    when=completed,
    good=[GOOD, VENDOR],
    bad=[
        answered(whole(choices=[])),
        answered(whole(choices=None)),
        answered(without("choices")),
        answered(whole(choices=["Hi"])),
    ],
)
def no_choices(x: Exchange) -> Iterator[Finding]:
    """Every client reads choices[0]: an exception, after the answer was paid for."""
    choices = completion_of(x).get("choices")
    if not isinstance(choices, list):
        yield Finding(f"the completion has {held(completion_of(x), 'choices')}", at=place(x), expected="a list")
    elif not choices:
        yield Finding("the completion's list of choices is empty", at=place(x))
    elif not all(isinstance(choice, dict) for choice in choices):
        yield Finding("a choice is no object", at=place(x))


@whole_rule(
    "CMP007",
    MUST,
    "The choices have indexes of their own, which count from 0 to below n",
    about="choices",
    fix="Number the choices from 0.",
    when=choosing,
    good=[GOOD, answered(whole(choices=[{**whole()["choices"][0], "index": i} for i in (1, 0)]), body={"n": 2})],
    bad=[
        choosing_once(message={"role": "assistant", "content": "Hi"}, finish_reason="stop"),
        choosing_once(index=1, message={"role": "assistant", "content": "Hi"}, finish_reason="stop"),
        answered(whole(choices=whole()["choices"] * 2), body={"n": 2}),
    ],
)
def wrong_index(x: Exchange) -> Iterator[Finding]:
    """Clients that ask for several answers file them under the index: one takes the place of the other."""
    bound = choices_asked(x)
    taken: set[int | float] = set()
    for choice in choices_of(x):
        index = choice.get("index")
        if not (is_integer(index) and 0 <= index < bound):
            yield Finding(f"a choice has {held(choice, 'index')}", at=place(x), expected=f"0 to {bound - 1}")
        elif index in taken:
            yield Finding(f"two choices have {held(choice, 'index')}", at=place(x))
        else:
            taken.add(index)


@whole_rule(
    "CMP008",
    MUST,
    "Every choice of a completion has a message, which is an object",
    about="choices",
    fix="Send the answer in choices[].message; delta belongs to streams, text to the old Completions API.",
    when=choosing,
    good=[GOOD, VENDOR, CALLS],
    bad=[
        choosing_once(index=0, delta={"role": "assistant", "content": "Hi"}, finish_reason="stop"),
        choosing_once(index=0, text="Hi", finish_reason="stop"),
        choosing_once(index=0, message="Hi", finish_reason="stop"),
    ],
)
def no_message(x: Exchange) -> Iterator[Finding]:
    """Clients read message.content without looking: an exception, after the answer was paid for."""
    for choice in choices_of(x):
        if not isinstance(choice.get("message"), dict):
            instead = next((f", but a {name}" for name in ("delta", "text") if name in choice), "")
            yield Finding(f"a choice has {held(choice, 'message')}{instead}", at=place(x))


@whole_rule(
    "CMP012",
    MUST,
    "Every choice of a completion has a finish_reason",
    about="choices",
    fix="Say in each choice why the model stopped: stop, length, tool_calls or content_filter.",
    when=choosing,
    good=[GOOD, VENDOR, CALLS],
    bad=[
        choosing_once(index=0, message={"role": "assistant", "content": "Hi"}, finish_reason=None),
        choosing_once(index=0, message={"role": "assistant", "content": "Hi"}),
        answered(whole(finish="")),
    ],
)
def no_finish_reason(x: Exchange) -> Iterator[Finding]:
    """Without it an answer can't be told from one that was cut off: hermes asks on, pays four times and shows it four times."""
    for choice in choices_of(x):
        reason = choice.get("finish_reason")
        if not (isinstance(reason, str) and reason):
            yield Finding(f"a choice has {held(choice, 'finish_reason')}", at=place(x))


@whole_rule(
    "CMP013",
    SHOULD,
    "A finish_reason is one of the five that are defined",
    about="choices",
    fix="Translate the engine's own reasons into stop, length, tool_calls or content_filter.",
    when=choosing,
    good=[GOOD, VENDOR, CALLS],
    bad=[answered(whole(finish="eos")), answered(whole(finish="STOP"))],
)
def unknown_finish_reason(x: Exchange) -> Iterator[Finding]:
    """Clients with typed enumerations refuse it, the others treat the end as unknown."""
    for choice in choices_of(x):
        reason = choice.get("finish_reason")
        if isinstance(reason, str) and reason and reason not in FINISHES:
            yield Finding(f"finish_reason is {shown(reason)}", at=place(x), expected=", ".join(FINISHES))
