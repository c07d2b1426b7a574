"""Legal variants: other ways to handle fields that are not read."""

import json
import re
from dataclasses import replace
from typing import Any

from conformance.model.target import Policy
from conformance.model.words import CONVERSATIONAL
from conformance.testbed.mutations.defects.fld import is_vendor_s, pruned, without_vendor_fields
from conformance.testbed.mutations.mutate_requests import Body, dropping, refusal, rewriting, sent
from conformance.testbed.server.reply import ModelResponse, Mutation, OnResponse, ServerRequest

MISSPELT = ("max_token", "maxTokens", "Stream")
NAME = re.compile(r'"(\w+)":')
NOTHING = (None, False, 1, {"type": "text"})
"""Values that request no more than the default."""
ADVISORY = ("user", "metadata", "store", "seed", "safety_identifier", "service_tier", "verbosity")


def lenient(body: Body) -> Body:
    """A body with its settings only where their types are valid, as KoboldCpp reads one."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "stop": (str, list),
        "stop_sequences": list,
        "response_format": dict,
        "tool_choice": (str, dict),
        "logit_bias": dict,
        **dict.fromkeys(("temperature", "top_p", "frequency_penalty", "presence_penalty"), (int, float)),
        **dict.fromkeys(("max_completion_tokens", "max_output_tokens"), int),
    }
    return {name: value for name, value in body.items() if isinstance(value, kinds.get(name, object))}


def everywhere(body: Body) -> Body:
    """The body without vendor fields."""
    return {name: pruned(value) for name, value in without_vendor_fields(body).items()}


def announced_in_header(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The names of the ignored fields in a response header."""
    ignored = sorted(sent(request).keys() - without_vendor_fields(sent(request)).keys())
    named = (("x-ignored-params", ", ".join(ignored)),) if ignored else ()
    return replace(response, headers=(*response.headers, *named))


def known(value: Any) -> Any:
    """A JSON value without vendor or misspelt fields at any depth."""
    if isinstance(value, dict):
        return {name: known(item) for name, item in value.items() if not is_vendor_s(name) and name not in MISSPELT}
    return [known(item) for item in value] if isinstance(value, list) else value


def all_announced(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The names of the ignored fields of any depth in a response header."""
    text = json.dumps(sent(request))
    named = ", ".join(sorted({name for name in NAME.findall(text) if is_vendor_s(name) or name in MISSPELT}))
    return replace(response, headers=(*response.headers, *((("x-ignored-params", named),) if named else ())))


def announced_in_body(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The names of the ignored fields under `warnings`, in a non-streaming response."""
    ignored = sorted(sent(request).keys() - without_vendor_fields(sent(request)).keys())
    if not ignored or response.status != 200 or not isinstance(response.whole, dict):
        return announced_in_header(response, request)
    warnings = [{"code": "ignored_parameter", "param": name, "message": "It has no effect."} for name in ignored]
    return replace(response, whole=response.whole | {"warnings": warnings})


def not_offered(*names: str) -> OnResponse:
    """Reject these fields by name wherever they have an effect."""

    def change(response: ModelResponse, request: ServerRequest) -> ModelResponse:
        found = next((name for name in names if sent(request).get(name) not in NOTHING), None)
        if found is None or response.status >= 500 or request.api != "chat":
            return response
        return refusal(400, f"'{found}' is not supported.", param=found, code="unsupported_parameter")

    return change


def fixed_temperature(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """Reject every temperature but the default, as reasoning models do."""
    wanted = sent(request).get("temperature")
    if wanted in (None, 1) or response.status >= 500 or request.api != "chat":
        return response
    text = (
        f"Unsupported value: 'temperature' does not support {json.dumps(wanted)} with this model. Only 1 is supported."
    )
    return refusal(400, text, param="temperature", code="unsupported_value")


def settings_repeated(response: ModelResponse, request: ServerRequest) -> ModelResponse:
    """The value of `user` and `metadata`, of any type, in each response."""
    repeated = {name: value for name, value in sent(request).items() if name in ("user", "metadata")}
    if response.status != 200 or request.api != "chat" or not isinstance(response.whole, dict):
        return response
    return replace(response, whole=response.whole | repeated)


VARIANTS = (
    Mutation(
        name="temperature-fixed",
        title="Every temperature but the default is rejected by name, as reasoning models do",
        on_response=fixed_temperature,
    ),
    Mutation(
        name="settings-repeated",
        title="`user` and `metadata` of any type are repeated in the response",
        on_request=rewriting(lambda body: {n: v for n, v in body.items() if n not in ("user", "metadata")}),
        on_response=settings_repeated,
    ),
    Mutation(
        name="extras-not-offered",
        title="n > 1, logprobs and schemas are rejected by name",
        on_response=not_offered("n", "logprobs", "response_format"),
    ),
    Mutation(
        name="unknown-fields-announced",
        title="Unknown fields are ignored and reported in a response header",
        on_request=rewriting(without_vendor_fields),
        on_response=announced_in_header,
        policy=Policy(unknown_fields=None),
    ),
    Mutation(
        name="unknown-fields-all-announced",
        title="Unknown fields of every kind and depth are ignored and announced, as the policy states",
        on_request=rewriting(known, apis=CONVERSATIONAL),
        on_response=all_announced,
        policy=Policy(unknown_fields="announce"),
    ),
    Mutation(
        name="unknown-fields-in-warnings",
        title="Unknown fields are ignored and reported in the response body",
        on_request=rewriting(without_vendor_fields),
        on_response=announced_in_body,
    ),
    Mutation(
        name="unknown-fields-allowed",
        title="Unknown fields are ignored, as the policy states",
        policy=Policy(unknown_fields="allow"),
        on_request=rewriting(everywhere),
    ),
    Mutation(
        name="unknown-fields-tolerated",
        title="Unknown fields are ignored, and the policy is silent about it",
        on_request=rewriting(everywhere),
    ),
    Mutation(
        name="lenient-types",
        title="Values of a wrong type are ignored, valid ones are honoured",
        on_request=rewriting(lenient),
    ),
    Mutation(
        name="advisory-fields-ignored",
        title="Fields without an effect on the response are ignored",
        on_request=dropping(*ADVISORY),
    ),
)
