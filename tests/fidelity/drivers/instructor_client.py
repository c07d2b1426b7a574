"""Instructor: a structured completion, complete or partial."""

from typing import Any

import instructor
import jobs
from openai import OpenAI
from pydantic import BaseModel, ConfigDict, PrivateAttr, model_validator


class Greeting(BaseModel):
    model_config = ConfigDict(extra="allow")
    words: Any = None
    city: Any = None
    _whole: bool = PrivateAttr(default=False)

    @model_validator(mode="after")
    def is_whole(self):
        """Instructor validates an object once its JSON is complete, and not before."""
        self._whole = True
        return self


def chat(job, said):
    client = instructor.from_openai(OpenAI(base_url=job["url"], api_key=jobs.KEY))
    asked = {"model": jobs.MODEL, "messages": jobs.TASK, "response_model": Greeting}
    if job["mode"] == "unary":
        said.call(0, "Greeting", client.create(**asked).model_dump_json())
        return
    last = next(iter([*client.create_partial(**asked)][-1:]), None)
    if last is not None and any(value is not None for value in last.model_dump().values()):
        told = last.model_dump_json()
        said.call(0, "Greeting", told if last._whole else told.removesuffix("}"))


jobs.run(jobs.warm({"chat": chat}))
