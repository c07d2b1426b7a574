"""LiteLLM: `litellm.completion`, with the loop of its documentation."""

import os

import jobs

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"  # else it is fetched on import

import litellm

litellm.suppress_debug_info = True


def chat(job, said):
    asked = {"model": f"openai/{jobs.MODEL}", "api_base": job["url"], "api_key": jobs.KEY, "messages": jobs.TASK}
    if job["mode"] == "unary":
        message = litellm.completion(**asked).choices[0].message
        said.show(message.content)
        for call in message.tool_calls or ():
            said.made(call.function.name, call.function.arguments)
        return
    for chunk in litellm.completion(**asked, stream=True):
        if chunk.choices:
            delta = chunk.choices[0].delta
            said.add(delta.content)
            for call in delta.tool_calls or ():
                said.call(call.index, call.function.name, call.function.arguments)


jobs.run(jobs.warm({"chat": chat}))
