"""anthropic-python: the stream helper, and the raw stream."""

import json

import jobs
from anthropic import Anthropic

ASKED = {"model": jobs.MODEL, "max_tokens": 256, "messages": jobs.TASK}


def connected(job):
    return Anthropic(base_url=job["url"].removesuffix("/v1"), api_key=jobs.KEY)


def hear(event, said):
    """Take one event of a stream, as a program that joins texts and tool inputs does."""
    if event.type == "content_block_start" and event.content_block.type == "tool_use":
        said.call(event.index, event.content_block.name, "")
    elif event.type == "content_block_delta" and event.delta.type == "text_delta":
        said.add(event.delta.text)
    elif event.type == "content_block_delta" and event.delta.type == "input_json_delta" and event.index in said.tools:
        said.call(event.index, None, event.delta.partial_json)


def helper(job, said):
    if job["mode"] == "unary":
        content = connected(job).messages.create(**ASKED).content
        said.add("".join(block.text for block in content if block.type == "text"))
        for block in (block for block in content if block.type == "tool_use"):
            said.made(block.name, json.dumps(block.input))
        return
    with connected(job).messages.stream(**ASKED) as stream:
        for event in stream:
            hear(event, said)
        stream.get_final_message()


def raw(job, said):
    for event in connected(job).messages.create(**ASKED, stream=True):
        hear(event, said)


jobs.run({"helper": helper, "raw": raw})
