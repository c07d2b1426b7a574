"""Legal variants of the effect of request parameters."""

from conformance.testbed.mutations.defects.par import each_content, each_token, has_tokens, refusing, where
from conformance.testbed.mutations.mutate_chat import Body, each_choice, in_turn, on_stream, variant
from conformance.testbed.mutations.mutate_requests import holds, rewriting
from conformance.testbed.server.reply import ModelResponse, Mutation, ServerRequest

SEEN = "A square of 32 by 32 red points, as the model sees it. " * 6


def both_caps(request: ServerRequest) -> bool:
    """The request sets both token caps."""
    return all(holds(name, int)(request) for name in ("max_tokens", "max_completion_tokens"))


def seen(parts: list[Body]) -> list[Body]:
    """The parts, with each image replaced by what the model sees."""
    return [{"type": "text", "text": SEEN} if part.get("type") == "image_url" else part for part in parts]


def unlikely(token: Body) -> Body:
    """A sampled token that is less likely than its top_logprobs."""
    others = token["top_logprobs"][1:]
    if not token["top_logprobs"]:
        return token
    return token | {
        "logprob": -9999.0,
        "top_logprobs": [{"token": " likely", "logprob": -0.01, "bytes": None}, *others],
    }


def ended(choice: Body) -> Body:
    """A choice that lists its end token."""
    end = {"token": "<|end|>", "logprob": -0.01, "bytes": list(b"<|end|>"), "top_logprobs": []}
    return choice | {"logprobs": choice["logprobs"] | {"content": [*choice["logprobs"]["content"], end]}}


def one_redrawn(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The first word of every text differs each time, in either mode and with any seed."""

    def word(choice: Body) -> Body:
        message = choice["message"]
        _, blank, rest = (message["content"] or "").partition(" ")
        return choice | {"message": message | {"content": f"N{request.id}{blank}{rest}"}}

    def words(chunks: list[Body]) -> list[Body]:
        first = next(at for at, chunk in enumerate(chunks) if any(c["delta"].get("content") for c in chunk["choices"]))
        choice = chunks[first]["choices"][0]
        delta = choice["delta"] | {"content": f"N{request.id}"}
        return [*chunks[:first], chunks[first] | {"choices": [choice | {"delta": delta}]}, *chunks[first + 1 :]]

    return in_turn(each_choice(word), on_stream(words))(response, request)


def is_free(request: ServerRequest) -> bool:
    """The text is not constrained by tools, a format, stop sequences or logprobs."""
    return not any(request.json.get(name) for name in ("tools", "response_format", "stop", "logprobs"))


VARIANTS = (
    variant(
        "tokens-without-bytes",
        "logprobs have neither bytes nor, where not requested, top_logprobs",
        each_token(lambda token: token | {"bytes": None}),
    ),
    variant(
        "tokens-less-likely-than-their-alternatives",
        "Sampled tokens are not in top_logprobs, and have the lowest number that JSON users write",
        each_token(unlikely),
    ),
    variant(
        "end-token-listed",
        "logprobs list the end token",
        each_choice(ended, has_tokens),
    ),
    variant(
        "alternatives-fewer-than-asked",
        "Some tokens have fewer top_logprobs than requested",
        each_token(lambda token: token | {"top_logprobs": token["top_logprobs"][: len(token["token"]) % 2 + 2]}),
    ),
    Mutation(
        name="both-caps-refused",
        title="Requests with both token caps are rejected by name",
        on_response=where(
            both_caps, refusing("Set 'max_tokens' or 'max_completion_tokens', not both.", param="max_tokens")
        ),
    ),
    Mutation(
        name="image-seen",
        title="Images are read, and counted as prompt tokens",
        on_request=rewriting(each_content(seen), holds("messages", list)),
    ),
    Mutation(
        name="never-the-same-twice",
        title="The text differs each time, even at temperature 0 and with a seed",
        on_response=where(is_free, one_redrawn),
    ),
)
