"""Whether the counts are consistent integers."""

from collections.abc import Iterator

from conformance.apis.usage import reports
from conformance.model.exchange import Exchange
from conformance.model.rule import rule
from conformance.model.verdict import MUST, SHOULD, Finding
from conformance.model.words import WITH_CHOICES
from conformance.parsing.json_values import as_object, display, is_integer
from conformance.rules.example import HELLO, answered, completion, streamed
from conformance.rules.rsp.example import USAGE, response
from conformance.rules.shared_checks import invalid_counts, wrong_total
from conformance.rules.use.conditions import at, counted, counted_well
from conformance.rules.use.example import LAST, STREAM, WHOLE, usage_object, with_usage
from conformance.rules.use.spec import COUNTS, OBJECT

PARTS = (
    ("prompt_tokens", "prompt_tokens_details", "cached_tokens"),
    ("input_tokens", "input_tokens_details", "cached_tokens"),
    ("completion_tokens", "completion_tokens_details", "reasoning_tokens"),
)


@rule(
    "USE002",
    MUST,
    "Usage has prompt_tokens, completion_tokens and total_tokens, as non-negative integers",
    spec=OBJECT,
    fix="Send prompt_tokens, completion_tokens and total_tokens as integers.",
    applies_to=counted,
    apis=WITH_CHOICES,
    good=[STREAM, WHOLE, streamed(*HELLO[:-1], LAST | {"usage": usage_object(x=1, y=None)}, "[DONE]")],
    bad=[
        with_usage(prompt="3"),
        with_usage(words=-1),
        with_usage(total=None),
        with_usage(words=1.5),
        with_usage(words=True),
        answered(completion(usage=[1, 2])),
        answered(completion(usage={})),
        streamed(*HELLO[:-1], LAST | {"usage": {"total_tokens": 6}}),
    ],
)
def odd_counts(x: Exchange) -> Iterator[Finding]:
    """Clients add these numbers up and multiply them by prices; typed clients reject the response if one is missing."""
    for report in reports(x):
        yield from invalid_counts(x, (report.value, report.event), COUNTS)


@rule(
    "USE003",
    MUST,
    "total_tokens is the sum of prompt_tokens and completion_tokens",
    spec=OBJECT,
    fix="Set total_tokens to prompt_tokens plus completion_tokens, and count hidden reasoning tokens in completion_tokens.",
    applies_to=counted_well,
    apis=WITH_CHOICES,
    good=[STREAM, WHOLE],
    bad=[with_usage(total=7), streamed(*HELLO[:-1], LAST | {"usage": usage_object(total=3)})],
)
def wrong_sum(x: Exchange) -> Iterator[Finding]:
    """Some clients bill by the total, others by its parts: one of the two is wrong."""
    for report in reports(x):
        yield from wrong_total(x, (report.value, report.event), COUNTS)


@rule(
    "USE007",
    SHOULD,
    "cached_tokens and reasoning_tokens do not exceed the counts that include them",
    spec=OBJECT,
    fix="Count cached tokens in prompt_tokens or input_tokens, and reasoning tokens in completion_tokens.",
    applies_to=counted_well,
    apis=(*WITH_CHOICES, "responses"),
    good=[
        WHOLE,
        response(),
        with_usage(prompt_tokens_details={"cached_tokens": 3}),
        with_usage(completion_tokens_details=None),
    ],
    bad=[
        with_usage(prompt_tokens_details={"cached_tokens": 900}),
        with_usage(completion_tokens_details={"reasoning_tokens": 4}),
        response(usage=USAGE | {"input_tokens_details": {"cached_tokens": 4}}),
    ],
)
def part_above_whole(x: Exchange) -> Iterator[Finding]:
    """Bills and cache rates are computed by subtraction, and become negative."""
    for report in reports(x):
        value = as_object(report.value)
        for whole, details, part in PARTS:
            most, count = value.get(whole), as_object(value.get(details)).get(part)
            if is_integer(most) and is_integer(count) and count > most:
                yield Finding(
                    f"usage has {display(count)} {part}, more than its {display(most)} {whole}", at=at(x, report)
                )
