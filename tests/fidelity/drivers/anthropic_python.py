"""anthropic-python: the stream helper, and the raw stream."""

import jobs
from anthropic import Anthropic


def helper(job, said):
    client = Anthropic(base_url=job["url"].removesuffix("/v1"), api_key=jobs.KEY)
    asked = {"model": jobs.MODEL, "max_tokens": 256, "messages": jobs.TASK}
    if job["mode"] == "unary":
        for number, block in enumerate(client.messages.create(**asked).content):
            if block.type == "text":
                said.add(block.text)
            elif block.type == "tool_use":
                said.call(number, block.name, "{}")
        return
    with client.messages.stream(**asked) as stream:
        for text in stream.text_stream:
            said.add(text)
        stream.get_final_message()


def raw(job, said):
    client = Anthropic(base_url=job["url"].removesuffix("/v1"), api_key=jobs.KEY)
    for event in client.messages.create(model=jobs.MODEL, max_tokens=256, messages=jobs.TASK, stream=True):
        if event.type == "content_block_delta" and event.delta.type == "text_delta":
            said.add(event.delta.text)


jobs.run({"helper": helper, "raw": raw})
