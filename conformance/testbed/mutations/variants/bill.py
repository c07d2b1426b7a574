"""Legal variants: errors that report zero usage, or that forbid retries."""

from dataclasses import replace

from conformance.testbed.mutations.defects.bill import SPENT
from conformance.testbed.mutations.mutate_requests import saying
from conformance.testbed.server.reply import Answer, Asked, Change


def with_nothing(said: Answer, _asked: Asked) -> Answer:
    """An error that reports zero usage."""
    return replace(said, whole=said.whole | {"usage": dict.fromkeys(SPENT, 0)})


def not_to_be_retried(said: Answer, _asked: Asked) -> Answer:
    """An error with x-should-retry: false."""
    return replace(said, headers=(*said.headers, ("x-should-retry", "false")))


VARIANTS = (
    Change(name="errors-with-usage-of-zero", title="Errors report a usage of 0", answer=saying(with_nothing, 400)),
    Change(
        name="mistakes-not-retried", title="Errors set x-should-retry: false", answer=saying(not_to_be_retried, 400)
    ),
)
