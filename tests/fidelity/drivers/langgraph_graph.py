"""LangGraph: a graph of one node that calls a chat model."""

import jobs
from langchain_anthropic import ChatAnthropic
from langchain_openai import ChatOpenAI
from langgraph.graph import START, MessagesState, StateGraph
from langgraph.types import RetryPolicy


def graph(model, **policy):
    def node(state):
        return {"messages": [model.invoke(state["messages"])]}

    return StateGraph(MessagesState).add_node("node", node, **policy).add_edge(START, "node").compile()


def played(made, job, said):
    asked = {"messages": jobs.TASK}
    if job["mode"] == "unary":
        said.add(made.invoke(asked)["messages"][-1].text)
        return
    for message, _ in made.stream(asked, stream_mode="messages"):
        said.add(message.text if isinstance(message.text, str) else message.text())


def chat(job, said):
    played(graph(ChatOpenAI(model=jobs.MODEL, base_url=job["url"], api_key=jobs.KEY)), job, said)


def retrying(job, said):
    model = ChatOpenAI(model=jobs.MODEL, base_url=job["url"], api_key=jobs.KEY)
    played(graph(model, retry_policy=RetryPolicy()), job, said)


def anthropic(job, said):
    url = job["url"].removesuffix("/v1")
    played(graph(ChatAnthropic(model=jobs.MODEL, base_url=url, api_key=jobs.KEY)), job, said)


jobs.run({"chat": chat, "retrying": retrying, "anthropic": anthropic})
