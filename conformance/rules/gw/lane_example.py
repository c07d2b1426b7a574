"""Both sides of a gateway that translates, for the rules' good and bad examples."""

from dataclasses import replace
from typing import Any

from conformance.apis.specs import spec
from conformance.model.exchange import Exchange
from conformance.model.words import Api
from conformance.rules.example import answered, completion
from conformance.rules.gw.example import NONCE, both
from conformance.rules.msg.example import BASELINE_RESPONSE as MESSAGE

TEXT = f"Hi ({NONCE}:native-sse)"
BY_MESSAGES: dict[str, Any] = {"model": "m", "max_tokens": 16, "messages": [{"role": "user", "content": TEXT}]}
BY_CHAT: dict[str, Any] = {"model": "m", "max_tokens": 16, "messages": [{"role": "user", "content": TEXT}]}
PROBE = "gateway.turn"


def at(api: Api, x: Exchange) -> Exchange:
    """The exchange at an API's path."""
    return replace(x, sent=x.sent.replace(b" /v1/x ", f" /v1{spec(api).path} ".encode(), 1))


def messages_by_chat(
    sent: Any = BY_MESSAGES, arrived: Any = BY_CHAT, *, client: Any = MESSAGE, upstream: Any = None, status: int = 200
) -> tuple[Exchange, ...]:
    """A request of Messages that arrived at a chat upstream, with these bodies and these whole replies.

    `status` is that of the client's reply.
    """
    whole = completion() if upstream is None else upstream
    return both(
        at("messages", answered(client, status=status, body=sent, probe=f"messages.{PROBE}")),
        at("chat", answered(whole, body=arrived, probe=f"chat.{PROBE}")),
    )


def chat_by_messages(
    sent: Any = BY_CHAT, arrived: Any = BY_MESSAGES, *, client: Any = None, upstream: Any = MESSAGE
) -> tuple[Exchange, ...]:
    """A chat request that arrived at a Messages upstream, with these bodies and these whole replies."""
    whole = completion() if client is None else client
    return both(
        at("chat", answered(whole, body=sent, probe=f"chat.{PROBE}")),
        at("messages", answered(upstream, body=arrived, probe=f"messages.{PROBE}")),
    )
