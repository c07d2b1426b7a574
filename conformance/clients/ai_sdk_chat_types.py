"""What the Vercel AI SDK's two providers for Chat Completions require of each event and of a complete response."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from conformance.clients.ai_sdk import number
from conformance.clients.node_fetch import BodyReader, body
from conformance.clients.validators import Check, either, fields, items, nullish, one_of, text

TEXT: Final = nullish(text)
NUMBER: Final = nullish(number)
ERROR: Final = fields(error=fields(message=text, type=TEXT, code=nullish(either(text, number))))
HEAD: Final[Mapping[str, Check]] = {"id": TEXT, "created": NUMBER, "model": TEXT}


def _counts(*prompt: str) -> Check:
    """The usage, whose prompt tokens have these details."""
    completion = ("reasoning_tokens", "accepted_prediction_tokens", "rejected_prediction_tokens")
    return nullish(
        fields(
            **dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), NUMBER),
            prompt_tokens_details=nullish(fields(**dict.fromkeys(prompt, NUMBER))),
            completion_tokens_details=nullish(fields(**dict.fromkeys(completion, NUMBER))),
        )
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Provider:
    """What one provider requires.

    `insists`: a stream without a finish reason is an error; otherwise its finish reason is "other". `peeks`: an error
    before any output fails the request, which is then retried as one with that status would be. `refuses`: a refusal
    is text as well. `read_body`: fetch of the Node that it runs on.
    """

    chunk: Check
    message: Check
    insists: bool
    peeks: bool
    refuses: bool
    read_body: BodyReader = body


COMPATIBLE_USAGE: Final = _counts("cached_tokens")
CONTENT: Final = nullish(either(text, items(fields(type=text))))
REASONING: Final[Mapping[str, Check]] = {"reasoning_content": TEXT, "reasoning": TEXT}
EXTRA: Final = nullish(fields(google=nullish(fields(thought_signature=TEXT))))
FRAGMENT: Final = fields(name=TEXT, arguments=TEXT)
CALLED: Final = fields(name=text, arguments=text)

COMPATIBLE: Final = Provider(
    chunk=fields(
        **HEAD,
        choices=items(
            fields(
                delta=nullish(
                    fields(
                        role=nullish(one_of("assistant", "")),
                        content=CONTENT,
                        tool_calls=nullish(
                            items(fields(index=NUMBER, id=TEXT, function=FRAGMENT, extra_content=EXTRA))
                        ),
                        **REASONING,
                    )
                ),
                finish_reason=TEXT,
            )
        ),
        usage=COMPATIBLE_USAGE,
    ),
    message=fields(
        **HEAD,
        choices=items(
            fields(
                message=fields(
                    role=nullish(one_of("assistant")),
                    content=CONTENT,
                    tool_calls=nullish(items(fields(id=TEXT, function=CALLED, extra_content=EXTRA))),
                    **REASONING,
                ),
                finish_reason=TEXT,
            )
        ),
        usage=COMPATIBLE_USAGE,
    ),
    insists=True,
    peeks=False,
    refuses=False,
)

OPENAI_USAGE: Final = _counts("cached_tokens", "cache_write_tokens")
FUNCTION: Final = one_of("function")
CITATION: Final = fields(start_index=number, end_index=number, url=text, title=text)
ANNOTATIONS: Final = nullish(items(fields(type=one_of("url_citation"), url_citation=CITATION)))
TOKEN: Final = fields(token=text, logprob=number, top_logprobs=items(fields(token=text, logprob=number)))
LOGPROBS: Final = nullish(fields(content=nullish(items(TOKEN)), refusal=nullish(items(TOKEN))))
ANSWER: Final[Mapping[str, Check]] = {
    "role": nullish(one_of("assistant")),
    "content": TEXT,
    "refusal": TEXT,
    "annotations": ANNOTATIONS,
}

OPENAI: Final = Provider(
    chunk=fields(
        **HEAD,
        choices=items(
            fields(
                index=number,
                delta=nullish(
                    fields(
                        tool_calls=nullish(
                            items(fields(index=number, id=TEXT, type=nullish(FUNCTION), function=FRAGMENT))
                        ),
                        **ANSWER,
                    )
                ),
                logprobs=LOGPROBS,
                finish_reason=TEXT,
            )
        ),
        usage=OPENAI_USAGE,
    ),
    message=fields(
        **HEAD,
        choices=items(
            fields(
                index=number,
                message=fields(
                    tool_calls=nullish(items(fields(id=TEXT, type=FUNCTION, function=CALLED))),
                    audio=nullish(fields(transcript=TEXT)),
                    **ANSWER,
                ),
                logprobs=LOGPROBS,
                finish_reason=TEXT,
            )
        ),
        usage=OPENAI_USAGE,
    ),
    insists=False,
    peeks=True,
    refuses=True,
)
