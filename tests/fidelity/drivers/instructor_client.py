"""Instructor: a structured completion, complete or partial."""

import instructor
import jobs
from openai import OpenAI
from pydantic import BaseModel


class Greeting(BaseModel):
    words: str | None = None
    city: str | None = None


def chat(job, said):
    client = instructor.from_openai(OpenAI(base_url=job["url"], api_key=jobs.KEY))
    asked = {"model": jobs.MODEL, "messages": jobs.TASK, "response_model": Greeting}
    if job["mode"] == "unary":
        said.call(0, "Greeting", client.create(**asked).model_dump_json())
        return
    last = next(iter([*client.create_partial(**asked)][-1:]), None)
    if last is not None and (last.words or last.city):
        said.call(0, "Greeting", last.model_dump_json())


jobs.run({"chat": chat})
