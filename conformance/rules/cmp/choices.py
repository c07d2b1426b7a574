"""The choices of a completion: list, index, message and finish_reason."""

from collections.abc import Iterator

from conformance.apis.chat import chat_content, span_of
from conformance.apis.request_fields import requested_choices
from conformance.model.exchange import Exchange
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.model.words import WITH_CHOICES
from conformance.parsing.json_values import describe_member, is_integer
from conformance.rules.chk.shape import finish_reasons
from conformance.rules.cmp.conditions import choosing, completed
from conformance.rules.cmp.example import CALLS, GOOD, VENDOR, choosing_once, without
from conformance.rules.cmp.shape import choices_of, completion_of, whole_rule
from conformance.rules.example import answered
from conformance.rules.example import completion as whole
from conformance.rules.shared_checks import is_reason, undefined_reasons


@whole_rule(
    "CMP006",
    MUST,
    "A completion has choices, a list of at least one object",
    about="choices",
    fix="Send choices as a list with one object per requested choice, or reject the request with an error status.",
    applies_to=completed,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR],
    bad=[
        answered(whole(choices=[])),
        answered(whole(choices=None)),
        answered(without("choices")),
        answered(whole(choices=["Hi"])),
    ],
)
def no_choices(x: Exchange) -> Iterator[Finding]:
    """Every client reads choices[0], and raises an exception after the completion was billed."""
    choices = completion_of(x).get("choices")
    if not isinstance(choices, list):
        yield Finding(
            f"the completion has {describe_member(completion_of(x), 'choices')}", at=span_of(x), expected="a list"
        )
    elif not choices:
        yield Finding("the completion's list of choices is empty", at=span_of(x))
    elif not all(isinstance(choice, dict) for choice in choices):
        yield Finding("a choice is not an object", at=span_of(x))


@whole_rule(
    "CMP007",
    MUST,
    "Choices have unique indexes from 0 to n - 1",
    about="choices",
    fix="Number the choices from 0, and send each with its own index.",
    applies_to=choosing,
    needs=("request",),
    apis=WITH_CHOICES,
    good=[GOOD, answered(whole(choices=[{**whole()["choices"][0], "index": i} for i in (1, 0)]), body={"n": 2})],
    bad=[
        choosing_once(message={"role": "assistant", "content": "Hi"}, finish_reason="stop"),
        choosing_once(index=1, message={"role": "assistant", "content": "Hi"}, finish_reason="stop"),
        answered(whole(choices=whole()["choices"] * 2), body={"n": 2}),
    ],
)
def wrong_index(x: Exchange) -> Iterator[Finding]:
    """Clients that request several choices store them by index: with the same index, one overwrites the other."""
    bound = requested_choices(x)
    taken: set[int | float] = set()
    for choice in choices_of(x):
        index = choice.get("index")
        if not (is_integer(index) and 0 <= index < bound):
            yield Finding(
                f"a choice has {describe_member(choice, 'index')}", at=span_of(x), expected=f"0 to {bound - 1}"
            )
        elif index in taken:
            yield Finding(f"two choices have {describe_member(choice, 'index')}", at=span_of(x))
        else:
            taken.add(index)


@whole_rule(
    "CMP008",
    MUST,
    "Every choice of a completion has a message object",
    about="choices",
    fix="Send message in every choice, instead of delta (for streams) or text (of the old Completions API).",
    applies_to=choosing,
    good=[GOOD, VENDOR, CALLS],
    bad=[
        choosing_once(index=0, delta={"role": "assistant", "content": "Hi"}, finish_reason="stop"),
        choosing_once(index=0, text="Hi", finish_reason="stop"),
        choosing_once(index=0, message="Hi", finish_reason="stop"),
    ],
)
def no_message(x: Exchange) -> Iterator[Finding]:
    """Clients read message.content unchecked, and raise an exception after the completion was billed."""
    for choice in choices_of(x):
        if not isinstance(choice.get("message"), dict):
            instead = next((f", but a {name}" for name in ("delta", "text") if name in choice), "")
            yield Finding(f"a choice has {describe_member(choice, 'message')}{instead}", at=span_of(x))


@whole_rule(
    "CMP012",
    MUST,
    "Every choice of a completion has a finish_reason",
    about="choices",
    fix="Set finish_reason in each choice: stop, length, tool_calls or content_filter.",
    applies_to=choosing,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR, CALLS],
    bad=[
        choosing_once(index=0, message={"role": "assistant", "content": "Hi"}, finish_reason=None),
        choosing_once(index=0, message={"role": "assistant", "content": "Hi"}),
        answered(whole(finish="")),
        answered(whole(finish="null")),
    ],
)
def no_finish_reason(x: Exchange) -> Iterator[Finding]:
    """Without it a complete response looks truncated: hermes requests continuations, pays four times and shows the content four times."""
    for choice in choices_of(x):
        reason = choice.get("finish_reason")
        if not is_reason(reason):
            yield Finding(f"a choice has {describe_member(choice, 'finish_reason')}", at=span_of(x))


@whole_rule(
    "CMP013",
    SHOULD,
    "finish_reason is one of the defined values",
    about="choices",
    fix="Map the engine's own reasons to stop, length, tool_calls or content_filter.",
    applies_to=choosing,
    apis=WITH_CHOICES,
    good=[GOOD, VENDOR, CALLS],
    bad=[answered(whole(finish="eos")), answered(whole(finish="STOP"))],
)
def unknown_finish_reason(x: Exchange) -> Iterator[Finding]:
    """Clients with typed enumerations reject any other value, the rest treat the reason as unknown."""
    sent = ((reason, None) for choice in chat_content(x).choices for reason in choice.finishes if is_reason(reason))
    yield from undefined_reasons(x, "finish_reason", finish_reasons(x), sent)
