"""LlamaIndex: the embeddings of documents, as an index asks for them."""

import jobs
from llama_index.embeddings.openai import OpenAIEmbedding


def embeddings(job, said):
    model = OpenAIEmbedding(model_name=jobs.MODEL, api_base=job["url"], api_key=jobs.KEY)
    said.hold(model.get_text_embedding_batch([jobs.WORDS]))


jobs.run({"embeddings": embeddings}, at_once=32)
