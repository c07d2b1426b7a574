"""Defects in what clients carry from turn to turn: thinking and its signature, and encrypted reasoning."""

from conformance.testbed.mutations.mutate_chat import in_turn, with_fields
from conformance.testbed.mutations.mutate_dialects import accepting, read_in_turn, reasoning, refusing, without_fields
from conformance.testbed.mutations.mutate_messages import MESSAGES, each_block, each_delta
from conformance.testbed.mutations.mutate_requests import dropping
from conformance.testbed.mutations.mutate_responses import each_item
from conformance.testbed.mutations.variants.dialects_anthropic import broken_thoughts
from conformance.testbed.mutations.variants.dialects_openai import broken_reasoning
from conformance.testbed.server.reply import Mutation, OnResponse, Reasoning, ServerRequest

LONGEST = 24
"""Characters of a signature that a gateway with a short column keeps."""
SEALED = ["reasoning.encrypted_content"]


def cut(name: str, where: str = "") -> OnResponse:
    """Cut the signatures that the response contains."""

    def edit(block: dict[str, object]) -> dict[str, object]:
        return block | {name: str(block[name])[:LONGEST]} if block.get(name) else block

    return each_block(edit) if where == "blocks" else each_delta(edit, "signature_delta")


def sealed(request: ServerRequest, body: dict[str, object]) -> Reasoning:
    """Reasoning of Responses if it is requested in sealed form."""
    is_on = request.api == "responses" and body.get("include") == SEALED
    return Reasoning(tokens=16, is_sealed=True) if is_on else Reasoning()


def _is_reasoning(item: dict[str, object]) -> bool:
    return item["type"] == "reasoning"


def sealing(name: str, title: str, caught_by: str, change: OnResponse) -> Mutation:
    """A defect of a model on Responses whose reasoning can be sealed."""
    return Mutation(
        name=name,
        title=title,
        caught_by=caught_by,
        on_request=read_in_turn(
            reasoning(sealed),
            accepting(
                lambda body: without_fields("include")(body) if body.get("include") == SEALED else body, "responses"
            ),
        ),
        on_response=in_turn(change, refusing({"responses": lambda body: broken_reasoning(body.get("input"))})),
    )


CHECKED = refusing({"messages": broken_thoughts})
REPLAYED = (
    Mutation(
        name="thinking-signature-cut",
        title="The signature of a thinking block is cut, so that the next turn is rejected",
        caught_by="RSN010",
        on_response=in_turn(cut("signature", "blocks"), cut("signature"), CHECKED),
    ),
    Mutation(
        name="thinking-signature-cut-in-stream",
        title="The signature_delta of a stream has only the beginning of the signature",
        caught_by="RSN010",
        on_response=in_turn(cut("signature"), CHECKED),
    ),
    sealing(
        "encrypted-reasoning-changed",
        "encrypted_content is changed on its way to the client, so that the next turn is rejected",
        "RSN010",
        each_item(with_fields(encrypted_content="gAAAAABchanged"), _is_reasoning),
    ),
    sealing(
        "encrypted-reasoning-missing",
        "Reasoning items have no encrypted_content, although the request includes it",
        "RSN011",
        each_item(lambda item: {k: v for k, v in item.items() if k != "encrypted_content"}, _is_reasoning),
    ),
    Mutation(
        name="thinking-ignored",
        title="`thinking` is silently ignored: no message has a thinking block",
        caught_by="RSN009",
        on_request=dropping("thinking", apis=MESSAGES),
    ),
)
