"""What Letta requires of a non-streaming response: its pydantic model, filled from the SDK's, where absent is null."""

from datetime import datetime
from typing import Any

from conformance.clients.turn import ClientError
from conformance.clients.validators import Check, both, fields, items, nullish, number, one_of, text


def integer(value: Any) -> bool:
    """What pydantic reads as an integer: also a whole number as float, boolean or text."""
    if isinstance(value, float):
        return value.is_integer()
    return isinstance(value, int) or (isinstance(value, str) and value.strip().lstrip("+-").isdecimal())


def moment(value: Any) -> bool:
    """What pydantic reads as a time: seconds, or text in ISO 8601."""
    if not isinstance(value, str) or integer(value):
        return isinstance(value, int | float | str)
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


TOP_LOGPROB = fields(token=text, logprob=number, bytes=nullish(items(integer)))
LOGPROBS = nullish(items(both(TOP_LOGPROB, fields(top_logprobs=items(TOP_LOGPROB)))))
FUNCTION = fields(name=text, arguments=text)
MESSAGE = fields(
    role=text,
    content=nullish(text),
    tool_calls=nullish(items(fields(id=text, type=one_of("function"), function=FUNCTION))),
    function_call=nullish(FUNCTION),
    reasoning_content=nullish(text),
)


def response(*, finish_reason: Check, counted: Check) -> Check:
    """The response, of which versions read the finish reason and the details of the usage differently."""
    choice = fields(
        index=integer,
        message=MESSAGE,
        finish_reason=finish_reason,
        logprobs=nullish(fields(content=LOGPROBS, refusal=LOGPROBS)),
        seed=nullish(integer),
    )
    usage = fields(
        prompt_tokens=integer,
        completion_tokens=integer,
        total_tokens=integer,
        prompt_tokens_details=nullish(fields(cached_tokens=counted)),
        completion_tokens_details=nullish(fields(reasoning_tokens=counted)),
    )
    return fields(
        id=text,
        object=one_of("chat.completion"),
        created=moment,
        model=nullish(text),
        system_fingerprint=nullish(text),
        choices=items(choice),
        usage=usage,
    )


def require(value: Any, wanted: Check) -> None:
    """Raise ClientError for a response that is not as wanted, or without choices."""
    if not isinstance(value, dict):
        raise ClientError("invalid", "LLM endpoint returned a raw string instead of a JSON object.")
    if not wanted(value):
        raise ClientError("invalid", "validation error for ChatCompletionResponse")
    if not value["choices"]:
        raise ClientError("invalid", "An unknown error occurred")
