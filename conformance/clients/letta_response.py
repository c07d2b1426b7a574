"""What Letta requires of a non-streaming response: its pydantic model, filled from the SDK's, where absent is null."""

from datetime import datetime
from typing import Any

from conformance.clients.turn import ClientError
from conformance.clients.validators import (
    Check,
    as_integer,
    both,
    fields,
    has_odd_names,
    items,
    nullish,
    number,
    one_of,
    text,
)


def moment(value: Any) -> bool:
    """What pydantic reads as a time: seconds, or text in ISO 8601."""
    if not isinstance(value, str) or as_integer(value):
        return isinstance(value, int | float | str)
    try:
        datetime.fromisoformat(value)
    except ValueError:
        return False
    return True


TOP_LOGPROB = fields(token=text, logprob=number, bytes=nullish(items(as_integer)))
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
        index=as_integer,
        message=MESSAGE,
        finish_reason=finish_reason,
        logprobs=nullish(fields(content=LOGPROBS, refusal=LOGPROBS)),
        seed=nullish(as_integer),
    )
    usage = fields(
        prompt_tokens=as_integer,
        completion_tokens=as_integer,
        total_tokens=as_integer,
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
    if has_odd_names(value):
        raise ClientError("unicode", "'utf-8' codec can't encode character: surrogates not allowed")
    if not wanted(value):
        raise ClientError("invalid", "validation error for ChatCompletionResponse")
    if not value["choices"]:
        raise ClientError("invalid", "An unknown error occurred")
