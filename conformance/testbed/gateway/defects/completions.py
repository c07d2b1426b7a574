"""Defects in what a gateway makes of text completions: their prompts, their fields, and their choices."""

from collections.abc import Callable
from typing import Any, Final

from conformance.model.words import Api
from conformance.testbed.gateway.events import both, each_event, on_whole
from conformance.testbed.gateway.handling import GatewayChange, Handler, on_json
from conformance.testbed.gateway.json_edits import Body, without

COMPLETIONS: Final[tuple[Api, ...]] = ("completions",)


def _first_only(body: Body) -> Body:
    given = body.get("prompt")
    if not isinstance(given, list) or not given or isinstance(given[0], int):
        return body
    return body | {"prompt": given[:1]}


def _as_text(body: Body) -> Body:
    """Token IDs as a text that names them."""
    given = body.get("prompt")
    if not isinstance(given, list) or not given or not isinstance(given[0], int):
        return body
    return body | {"prompt": " ".join(map(str, given))}


def _in_choices(edit: Callable[[Body], Body]) -> Handler:
    """Edit each choice of each completion or chunk."""

    def edited(value: Any) -> Any:
        is_completion = isinstance(value, dict) and isinstance(value.get("choices"), list)
        return value | {"choices": [edit(choice) for choice in value["choices"]]} if is_completion else value

    return both(each_event(lambda value: [edited(value)]), on_whole(edited))


def _reversed(whole: Body) -> Body:
    """The choices of the prompts, numbered from the last one."""
    choices = whole.get("choices") or []
    return whole | {"choices": [choice | {"index": len(choices) - 1 - choice["index"]} for choice in choices]}


def _without_a_word(value: Any) -> list[Any]:
    """Drops the chunk with the sixth word."""
    choices = value.get("choices") if isinstance(value, dict) else None
    return [] if choices and choices[0].get("text") == " w5" else [value]


def _planted(name: str, title: str, caught_by: str, handle: Handler) -> GatewayChange:
    return GatewayChange(name=name, title=title, caught_by=caught_by, handle=handle, apis=COMPLETIONS)


DEFECTS = (
    _planted("later-prompts-dropped", "Forwards the first prompt of a list", "GW010", on_json(_first_only)),
    _planted("token-ids-as-text", "Forwards token IDs as a text", "GW010", on_json(_as_text)),
    _planted("suffix-and-best-of-dropped", "Drops suffix and best_of", "GW001", on_json(without("suffix", "best_of"))),
    _planted("echo-flag-dropped", "Drops echo", "GW001", on_json(without("echo"))),
    _planted(
        "zero-cap-dropped",
        "Drops a cap of 0, so that a prompt that is only to be scored is continued",
        "GW004",
        on_json(lambda body: without("max_tokens")(body) if body.get("max_tokens") == 0 else body),
    ),
    _planted(
        "prompts-stripped",
        "Strips spaces at the end of prompts",
        "GW013",
        on_json(
            lambda body: body | {"prompt": body["prompt"].strip()} if isinstance(body.get("prompt"), str) else body
        ),
    ),
    _planted(
        "token-logprobs-lost",
        "Loses the log probabilities of text completions",
        "GW034",
        _in_choices(lambda choice: choice | {"logprobs": None}),
    ),
    _planted("choices-numbered-backwards", "Numbers the choices from the last one", "GW030", on_whole(_reversed)),
    _planted("text-chunk-dropped", "Drops a chunk of a text completion", "GW030", each_event(_without_a_word)),
    _planted(
        "cut-text-told-as-whole",
        "Reports a text that its cap cut off as complete",
        "GW032",
        _in_choices(lambda choice: choice | {"finish_reason": choice["finish_reason"] and "stop"}),
    ),
)
