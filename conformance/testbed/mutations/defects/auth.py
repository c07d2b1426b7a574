"""Defects: keys that are not looked at, or refused in ways that mislead."""

from collections.abc import Callable
from dataclasses import replace

from conformance.testbed.mutations.mutate_requests import Body, refusal, saying, streaming, with_error, with_status
from conformance.testbed.server.deployments import MODELS, native
from conformance.testbed.server.reply import Answer, Asked, Change, Event, OnAnswer

COMPLETION: Body = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1_760_000_000,
    "model": "reference",
    "choices": [{"index": 0, "text": "Hello", "logprobs": None, "finish_reason": "length"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
}


def locked(name: str, title: str, caught_by: str, answer: OnAnswer) -> Change:
    """A defect in how the key is asked for."""
    return Change(name=name, title=title, caught_by=caught_by, answer=answer)


def header(asked: Asked, name: str) -> str:
    """The value of a header of the request, or nothing."""
    return next((value for given, value in asked.headers if given == name), "")


def let_in(where: Callable[[Asked], object]) -> OnAnswer:
    """Answer as if the key were good, where the condition holds."""
    return lambda said, asked: native(asked) if said.status == 401 and where(asked) else said


def carries_none(asked: Asked) -> bool:
    """There is no key at all."""
    return not (header(asked, "authorization") or header(asked, "x-api-key"))


def inside_a_stream(said: Answer, asked: Asked) -> Answer:
    """Streaming, the refusal comes under 200."""
    return Answer(events=(Event(data=said.whole), Event(data="[DONE]"))) if streaming(asked) else said


def with_key(said: Answer, asked: Asked) -> Answer:
    """The refusal with the key that was sent."""
    key = header(asked, "authorization") or header(asked, "x-api-key")
    error = said.whole["error"]
    return replace(said, whole=said.whole | {"error": error | {"message": f"{error['message']} You sent: {key}"}})


def unlocked(path: str) -> OnAnswer:
    """A path that leads to the model, and that nobody locked."""
    return lambda said, asked: Answer(whole=COMPLETION) if asked.path == path else said


def blocked(said: Answer, asked: Asked) -> Answer:
    """What a firewall against robots makes of openai-python."""
    is_sdk = header(asked, "user-agent").startswith("OpenAI/Python")
    return refusal(502, "Blocked.", type="server_error") if is_sdk and asked.api == "chat" else said


def forwarded(said: Answer, asked: Asked) -> Answer:
    """An answer with what a gateway sent on."""
    key = ("x-upstream-authorization", header(asked, "authorization"))
    return replace(said, headers=(*said.headers, key)) if said.status == 200 else said


def by_bearer_alone(said: Answer, asked: Asked) -> Answer:
    """Messages look for a bearer token, and nowhere else."""
    foreign = asked.api == "messages" and not header(asked, "authorization")
    return refusal(401, "Authorization header is required", type="authentication_error") if foreign else said


KEYS = (
    locked("any-key-accepted", "Any key is good", "AUTH001", let_in(lambda asked: header(asked, "authorization"))),
    locked(
        "any-x-api-key-accepted", "Any x-api-key is good", "AUTH001", let_in(lambda asked: header(asked, "x-api-key"))
    ),
    locked("streams-unlocked", "Streams need no key", "AUTH002", let_in(streaming)),
    locked(
        "key-refused-inside-stream", "Streaming, the key is refused under 200", "AUTH002", saying(inside_a_stream, 401)
    ),
    locked("wrong-key-as-500", "A wrong key is called a crash", "AUTH003", with_status(500, 401)),
    locked("wrong-key-as-400", "A wrong key is called a bad request", "AUTH004", with_status(400, 401)),
    locked(
        "no-challenge", "401 lacks WWW-Authenticate", "AUTH005", saying(lambda said, _: replace(said, headers=()), 401)
    ),
    locked("wrong-key-echoed", "A wrong key is sent back", "AUTH006", saying(with_key, 401)),
    locked("models-unlocked", "The models are listed to anyone", "AUTH007", let_in(lambda asked: asked.path == MODELS)),
    locked("completions-unlocked", "The older API needs no key", "AUTH008", unlocked("/v1/completions")),
    locked("root-unlocked", "A path beside /v1 needs no key", "AUTH008", unlocked("/invocations")),
    locked("messages-unlocked", "Messages need no key", "AUTH008", let_in(lambda asked: asked.api == "messages")),
    locked("sdk-blocked", "An SDK's headers are refused", "AUTH009", blocked),
    locked("missing-key-accepted", "Who sends no key comes in", "AUTH010", let_in(carries_none)),
    locked(
        "key-refused-by-text",
        "A wrong key is refused in another shape",
        "ERR007",
        saying(lambda said, _: replace(said, whole={"error": "Unauthorized"}), 401),
    ),
    locked(
        "key-refused-without-message",
        "A wrong key is refused without a message",
        "ERR007",
        with_error(lambda said: said | {"message": ""}, 401),
    ),
    locked("key-in-a-header", "The key that was sent comes back in a header", "ERR019", forwarded),
)
ON_MESSAGES = (locked("x-api-key-refused", "Messages take no x-api-key", "AUTH011", by_bearer_alone),)
