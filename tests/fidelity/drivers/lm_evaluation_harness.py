"""lm-evaluation-harness: a generation, and the log-likelihoods of a batch, as tasks get them from `local-completions`.

A tokenizer is not needed: the texts of the batch are given in tokens.
"""

import os

import jobs

os.environ["OPENAI_API_KEY"] = jobs.KEY

from lm_eval.api.instance import Instance
from lm_eval.models.openai_completions import LocalCompletionsAPI

BATCH = [([70, 71, 72, 73, 74, 75], [76, 77]), ([70, 71, 72, 73], [84, 85])]
"""Two contexts and their continuations."""


def model(job, **settings):
    url = f"{job['url']}/completions"
    return LocalCompletionsAPI(model=jobs.MODEL, base_url=url, tokenizer_backend=None, **settings)


def generate(job, said):
    asked = Instance("generate_until", {}, (jobs.WORDS, {"until": ["\n\n"]}), 0)
    said.show(model(job).generate_until([asked])[0])


def loglikelihood(job, said):
    evaluated = model(job, batch_size=2)
    evaluated.tokenizer, evaluated.tokenized_requests = object(), True
    said.hold(evaluated._loglikelihood_tokens([(("", ""), context, rest) for context, rest in BATCH]))


jobs.run({"generate": generate, "loglikelihood": loglikelihood}, at_once=32)
