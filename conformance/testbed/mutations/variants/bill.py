"""Legal variants: errors that cost nothing, and say so."""

from dataclasses import replace

from conformance.testbed.mutations.defects.bill import SPENT
from conformance.testbed.mutations.mutate_requests import saying
from conformance.testbed.server.reply import Answer, Asked, Change


def with_nothing(said: Answer, _asked: Asked) -> Answer:
    """A refusal that reports that nothing was used."""
    return replace(said, whole=said.whole | {"usage": dict.fromkeys(SPENT, 0)})


def not_to_be_retried(said: Answer, _asked: Asked) -> Answer:
    """A refusal that says that it will be the same again."""
    return replace(said, headers=(*said.headers, ("x-should-retry", "false")))


VARIANTS = (
    Change(
        name="errors-with-usage-of-zero", title="Errors report that nothing was used", answer=saying(with_nothing, 400)
    ),
    Change(
        name="mistakes-not-retried", title="Refusals say x-should-retry: false", answer=saying(not_to_be_retried, 400)
    ),
)
