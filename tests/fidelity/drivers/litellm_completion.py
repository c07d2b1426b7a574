"""LiteLLM: `litellm.completion`."""

import jobs
import litellm

litellm.suppress_debug_info = True


def chat(job, said):
    asked = {"model": f"openai/{jobs.MODEL}", "api_base": job["url"], "api_key": jobs.KEY, "messages": jobs.TASK}
    if job["mode"] == "unary":
        said.show(litellm.completion(**asked).choices[0].message.content)
        return
    for chunk in litellm.completion(**asked, stream=True):
        if chunk.choices:
            said.add(chunk.choices[0].delta.content)


jobs.run({"chat": chat})
