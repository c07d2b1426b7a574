"""openai-python: the loop of its documentation, the stream helper, and the other APIs."""

import jobs
from openai import OpenAI


def plain(job, said):
    client = OpenAI(base_url=job["url"], api_key=jobs.KEY)
    if job["mode"] == "unary":
        message = client.chat.completions.create(model=jobs.MODEL, messages=jobs.TASK).choices[0].message
        said.show(message.content)
        for call in message.tool_calls or ():
            said.made(call.function.name, call.function.arguments)
        return
    for chunk in client.chat.completions.create(model=jobs.MODEL, messages=jobs.TASK, stream=True):
        if chunk.choices:
            delta = chunk.choices[0].delta
            said.add(delta.content)
            for call in delta.tool_calls or ():
                said.call(call.index, call.function.name, call.function.arguments)


def helper(job, said):
    client = OpenAI(base_url=job["url"], api_key=jobs.KEY)
    with client.chat.completions.stream(model=jobs.MODEL, messages=jobs.TASK) as stream:
        for event in stream:
            if event.type == "content.delta":
                said.add(event.delta)
        final = stream.get_final_completion()
    for call in final.choices[0].message.tool_calls or () if final.choices else ():
        said.made(call.function.name, call.function.arguments)


def responses(job, said):
    client = OpenAI(base_url=job["url"], api_key=jobs.KEY)
    if job["mode"] == "unary":
        response = client.responses.create(model=jobs.MODEL, input=jobs.WORDS)
        said.show(response.output_text)
        for call in (item for item in response.output if item.type == "function_call"):
            said.made(call.name, call.arguments)
        return
    for event in client.responses.create(model=jobs.MODEL, input=jobs.WORDS, stream=True):
        if event.type == "response.output_text.delta":
            said.add(event.delta)
        elif event.type == "response.output_item.done" and event.item.type == "function_call":
            said.made(event.item.name, event.item.arguments)


def completions(job, said):
    client = OpenAI(base_url=job["url"], api_key=jobs.KEY)
    if job["mode"] == "unary":
        said.show(client.completions.create(model=jobs.MODEL, prompt=jobs.WORDS).choices[0].text)
        return
    for chunk in client.completions.create(model=jobs.MODEL, prompt=jobs.WORDS, stream=True):
        if chunk.choices:
            said.add(chunk.choices[0].text)


def embeddings(job, said):
    client = OpenAI(base_url=job["url"], api_key=jobs.KEY)
    response = client.embeddings.create(model=jobs.MODEL, input=jobs.WORDS)
    said.hold([entry.embedding for entry in response.data])


SURFACES = {
    "plain": plain,
    "helper": helper,
    "responses": responses,
    "completions": completions,
    "embeddings": embeddings,
}
jobs.run(SURFACES)
