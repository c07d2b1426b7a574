"""Legal variants of what a parameter does to the answer."""

from conformance.testbed.mutations.defects.par import each_content, each_token, has_tokens, refusing, where
from conformance.testbed.mutations.mutate_chat import Body, allowed, each_choice, in_turn, on_stream
from conformance.testbed.mutations.mutate_requests import holds, reading
from conformance.testbed.server.reply import Answer, Asked, Change

SEEN = "A square of 32 by 32 red points, as the model sees it. " * 6


def both_caps(asked: Asked) -> bool:
    """Both caps are asked for."""
    return all(holds(name, int)(asked) for name in ("max_tokens", "max_completion_tokens"))


def seen(parts: list[Body]) -> list[Body]:
    """The parts with what the model sees in the place of an image."""
    return [{"type": "text", "text": SEEN} if part.get("type") == "image_url" else part for part in parts]


def unlikely(token: Body) -> Body:
    """A token that was drawn though likelier ones were listed."""
    others = token["top_logprobs"][1:]
    if not token["top_logprobs"]:
        return token
    return token | {
        "logprob": -9999.0,
        "top_logprobs": [{"token": " likely", "logprob": -0.01, "bytes": None}, *others],
    }


def ended(choice: Body) -> Body:
    """A choice that lists the token that ended it."""
    end = {"token": "<|end|>", "logprob": -0.01, "bytes": list(b"<|end|>"), "top_logprobs": []}
    return choice | {"logprobs": choice["logprobs"] | {"content": [*choice["logprobs"]["content"], end]}}


def one_redrawn(answer: Answer, asked: Asked) -> Answer:
    """The first word of every text is another one each time, streaming or not, and under any seed."""

    def word(choice: Body) -> Body:
        message = choice["message"]
        _, blank, rest = (message["content"] or "").partition(" ")
        return choice | {"message": message | {"content": f"N{asked.id}{blank}{rest}"}}

    def words(chunks: list[Body]) -> list[Body]:
        first = next(at for at, chunk in enumerate(chunks) if any(c["delta"].get("content") for c in chunk["choices"]))
        choice = chunks[first]["choices"][0]
        delta = choice["delta"] | {"content": f"N{asked.id}"}
        return [*chunks[:first], chunks[first] | {"choices": [choice | {"delta": delta}]}, *chunks[first + 1 :]]

    return in_turn(each_choice(word), on_stream(words))(answer, asked)


def is_free(asked: Asked) -> bool:
    """Nothing binds the words: neither a tool, nor a format, a stop or log probabilities."""
    return not any(asked.json.get(name) for name in ("tools", "response_format", "stop", "logprobs"))


VARIANTS = (
    allowed(
        "tokens-without-bytes",
        "Log probabilities have neither bytes nor, where none were asked for, alternatives",
        each_token(lambda token: token | {"bytes": None}),
    ),
    allowed(
        "tokens-less-likely-than-their-alternatives",
        "Tokens were drawn that are not among the likeliest, and have the lowest number that JSON users write",
        each_token(unlikely),
    ),
    allowed(
        "end-token-listed",
        "Log probabilities list the token that ends the text",
        each_choice(ended, has_tokens),
    ),
    allowed(
        "alternatives-fewer-than-asked",
        "Beside some tokens fewer alternatives come than were asked for",
        each_token(lambda token: token | {"top_logprobs": token["top_logprobs"][: len(token["token"]) % 2 + 2]}),
    ),
    Change(
        name="both-caps-refused",
        title="Two caps at once are refused by name",
        answer=where(both_caps, refusing("Set 'max_tokens' or 'max_completion_tokens', not both.", param="max_tokens")),
    ),
    Change(
        name="image-seen",
        title="An image is read, and counted as tokens of the prompt",
        asked=reading(each_content(seen), holds("messages", list)),
    ),
    Change(
        name="never-the-same-twice",
        title="The model says something else each time, at temperature 0 and under a seed, too",
        answer=where(is_free, one_redrawn),
    ),
)
