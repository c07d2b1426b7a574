"""Legal variants: other ways to treat fields that are not read."""

from dataclasses import replace

from conformance.reference.defects.fld import pruned, without_vendor_fields
from conformance.reference.reply import Answer, Asked, Change
from conformance.reference.requests import Body, dropping, reading, sent
from conformance.target import Policy

ADVISORY = ("user", "metadata", "store", "seed", "safety_identifier", "service_tier", "verbosity")


def lenient(body: Body) -> Body:
    """A body whose tools, formats and stops are read where they make sense, and else are not there."""
    kinds: dict[str, type | tuple[type, ...]] = {
        "stop": (str, list),
        "response_format": dict,
        "tool_choice": (str, dict),
        "logit_bias": dict,
    }
    return {name: value for name, value in body.items() if isinstance(value, kinds.get(name, object))}


def everywhere(body: Body) -> Body:
    """The body as if nothing of a vendor's stood in it."""
    return {name: pruned(value) for name, value in without_vendor_fields(body).items()}


def announced_in_header(answer: Answer, asked: Asked) -> Answer:
    """The names of what was ignored in a response header."""
    ignored = sorted(sent(asked).keys() - without_vendor_fields(sent(asked)).keys())
    told = (("x-ignored-params", ", ".join(ignored)),) if ignored else ()
    return replace(answer, headers=(*answer.headers, *told))


def announced_in_body(answer: Answer, asked: Asked) -> Answer:
    """The names of what was ignored under `warnings`, in a whole answer."""
    ignored = sorted(sent(asked).keys() - without_vendor_fields(sent(asked)).keys())
    if not ignored or answer.status != 200 or not isinstance(answer.whole, dict):
        return announced_in_header(answer, asked)
    warnings = [{"code": "ignored_parameter", "param": name, "message": "It has no effect."} for name in ignored]
    return replace(answer, whole=answer.whole | {"warnings": warnings})


VARIANTS = (
    Change(
        name="unknown-fields-announced",
        title="Unknown fields are ignored, and told in a header",
        asked=reading(without_vendor_fields),
        answer=announced_in_header,
        policy=Policy(unknown_fields=None),
    ),
    Change(
        name="unknown-fields-in-warnings",
        title="Unknown fields are ignored, and told in the answer",
        asked=reading(without_vendor_fields),
        answer=announced_in_body,
    ),
    Change(
        name="unknown-fields-allowed",
        title="Unknown fields are ignored, as the owner says",
        policy=Policy(unknown_fields="allow"),
        asked=reading(everywhere),
    ),
    Change(
        name="unknown-fields-tolerated",
        title="Unknown fields are ignored, and the owner says nothing of it",
        asked=reading(everywhere),
    ),
    Change(
        name="lenient-types",
        title="Values of a wrong type are as good as none, right ones are honoured",
        asked=reading(lenient),
    ),
    Change(
        name="advisory-fields-ignored",
        title="Fields without an effect on the answer are not read",
        asked=dropping(*ADVISORY),
    ),
)
