"""Legal variants: other ways to say that streaming is not implemented yet."""

from dataclasses import replace

from conformance.testbed.mutations.defects.nyi import failing_with
from conformance.testbed.mutations.mutate_requests import saying, with_error
from conformance.testbed.server.reply import Answer, Asked, Change, OnAnswer


def gap(name: str, title: str, answer: OnAnswer) -> Change:
    """A variant of the stop-gap."""
    return Change(name=name, title=title, on="stopgap-501", answer=answer)


def capitalised(answer: Answer, _asked: Asked) -> Answer:
    """Header names as other servers write them."""
    return replace(answer, headers=tuple((name.title(), value) for name, value in answer.headers))


def uncached(answer: Answer, _asked: Asked) -> Answer:
    """A refusal that says that it must not be stored."""
    return replace(answer, headers=(*answer.headers, ("cache-control", "no-store")))


def with_help(answer: Answer, asked: Asked) -> Answer:
    """Whatever helps people beside what the API documents."""
    error = answer.whole["error"] | {"hint": "stream=false", "doc_url": "https://example.com/streaming"}
    return replace(answer, whole=answer.whole | {"error": error, "request_id": asked.id, "usage": None})


HINTS = (
    "Set the 'stream' parameter to 'false'.",
    "Send it again with streaming disabled.",
    "Turn streaming off.",
    "stream must be false.",
    "Use stream=0.",
)


def hinting(number: int, hint: str) -> Change:
    """The stop-gap with this way out in its message."""
    message = f"Streaming is not supported. {hint}"
    edit = with_error(lambda error: error | {"message": message}, 501)
    return gap(f"refusal-hint-{number}", f"The refusal says: {hint}", edit)


WORDED = tuple(hinting(number, hint) for number, hint in enumerate(HINTS, 1))
ASIDE = gap(
    "refusal-hint-aside",
    "The refusal's hint stands in a field of its own",
    with_error(lambda error: error | {"message": "Streaming is not supported.", "hint": 'Set "stream": false.'}, 501),
)
PARTLY = Change(
    name="tools-refused-well",
    title="Streaming is refused for tool calls alone, as a refusal of all streaming should be",
    answer=failing_with(501, ("x-should-retry", "false")),
)

VARIANTS = (
    *WORDED,
    ASIDE,
    PARTLY,
    gap("refusal-capitalised", "The refusal's headers are capitalised", saying(capitalised, 501)),
    gap("refusal-no-store", "The refusal must not be stored", saying(uncached, 501)),
    gap("refusal-with-help", "The refusal holds more than documented", saying(with_help, 501)),
    gap(
        "refusal-in-other-words",
        "The refusal says it in other words",
        with_error(
            lambda error: (
                error
                | {
                    "message": "STREAMING IS NOT SUPPORTED YET: please send a non-streaming request.",
                    "type": "api_error",
                }
            ),
            501,
        ),
    ),
)
