"""Legal variants of the forms of a prompt."""

from conformance.model.words import APIS
from conformance.testbed.mutations.defects.par_input import FILES, IMAGES, Body, each_part, rejecting, with_phase
from conformance.testbed.mutations.mutate_chat import variant
from conformance.testbed.mutations.mutate_requests import rewriting
from conformance.testbed.mutations.variants.par import SEEN
from conformance.testbed.server.reply import Mutation

TEXT = {"input_image": "input_text", "input_file": "input_text"}
"""The type of a text part beside an image or a file, where it is not `text`."""


def read(part: Body) -> Body:
    """An image or a file as the model sees it: many tokens."""
    kind = part.get("type")
    return {"type": TEXT.get(kind, "text"), "text": SEEN} if kind in (*IMAGES, *FILES) else part


VARIANTS = (
    Mutation(
        name="images-and-files-read",
        title="Images and files are read, and counted as prompt tokens, in every API",
        on_request=rewriting(each_part(read), apis=APIS),
    ),
    variant(
        "phase-refused",
        "The phase of a message is rejected by name",
        rejecting(with_phase, "'phase' is not supported here.", param="input[0].phase"),
    ),
)
