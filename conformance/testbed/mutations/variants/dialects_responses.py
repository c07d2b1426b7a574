"""Legal variants: dialects of Responses, with reasoning that is shown.

https://platform.openai.com/docs/api-reference/responses-streaming/response/reasoning_text,
https://cookbook.openai.com/articles/gpt-oss/handle-raw-cot
"""

from conformance.testbed.mutations.mutate_dialects import Body, member, reasoning
from conformance.testbed.server.reply import Mutation, Reasoning, ServerRequest

EFFORT = {"none": 0, "minimal": 4, "low": 8, "medium": 16, "high": 32}
"""Tokens of reasoning for each effort; `medium` is usual."""


def shown(request: ServerRequest, body: Body) -> Reasoning:
    """Reasoning with its text, in Responses."""
    effort = member(body, "reasoning", "effort")
    tokens = EFFORT.get(effort if isinstance(effort, str) else "medium", EFFORT["medium"])
    return Reasoning(tokens=tokens, is_text=True) if request.api == "responses" else Reasoning()


GPT_OSS = Mutation(
    name="gpt-oss-responses",
    title="The dialect of gpt-oss on Responses: the text of the reasoning is sent first, in an item of its own",
    on_request=reasoning(shown),
)
