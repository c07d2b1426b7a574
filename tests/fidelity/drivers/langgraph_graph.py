"""LangGraph: a graph of a node that calls a chat model, and a node that runs the tools which the model calls.

LangChain's embeddings are in the same packages.
"""

import json

import jobs
from langchain_anthropic import ChatAnthropic
from langchain_core.messages import ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAIEmbeddings
from langgraph.graph import END, START, MessagesState, StateGraph
from langgraph.prebuilt import ToolNode
from langgraph.types import RetryPolicy


@tool
def get_weather(city: str) -> str:
    """Tell the weather in a city."""
    return city


def graph(model, **policy):
    def node(state):
        return {"messages": [model.invoke(state["messages"])]}

    def onward(state):
        return "tools" if getattr(state["messages"][-1], "tool_calls", None) else END

    made = StateGraph(MessagesState).add_node("node", node, **policy).add_node("tools", ToolNode([get_weather]))
    return made.add_edge(START, "node").add_conditional_edges("node", onward, ["tools", END]).compile()


def played(made, job, said):
    asked = {"messages": jobs.TASK}
    if job["mode"] == "unary":
        answer = made.invoke(asked)["messages"][1]
        said.add(answer.text)
        for call in (*getattr(answer, "tool_calls", ()), *getattr(answer, "invalid_tool_calls", ())):
            said.made(call["name"], json.dumps(call["args"]) if isinstance(call["args"], dict) else call["args"])
        return
    for answer in streamed(made.stream(asked, stream_mode="messages"), said):
        for call in getattr(answer, "tool_call_chunks", ()):
            said.made(call["name"], call["args"])


def streamed(messages, said):
    """The last answer, merged from its chunks, while their texts are shown; nothing if there is none."""
    answer = None
    for message, _ in messages:
        if not isinstance(message, ToolMessage):
            said.add(message.text if isinstance(message.text, str) else message.text())
            answer = answer + message if answer is not None and answer.id == message.id else message
    return () if answer is None else (answer,)


def chat(job, said):
    played(graph(ChatOpenAI(model=jobs.MODEL, base_url=job["url"], api_key=jobs.KEY)), job, said)


def retrying(job, said):
    model = ChatOpenAI(model=jobs.MODEL, base_url=job["url"], api_key=jobs.KEY)
    played(graph(model, retry_policy=RetryPolicy()), job, said)


def anthropic(job, said):
    url = job["url"].removesuffix("/v1")
    played(graph(ChatAnthropic(model=jobs.MODEL, base_url=url, api_key=jobs.KEY)), job, said)


def embeddings(job, said):
    url = job["url"]
    model = OpenAIEmbeddings(model=jobs.MODEL, base_url=url, api_key=jobs.KEY, check_embedding_ctx_length=False)
    said.hold(model.embed_documents([jobs.WORDS]))


jobs.run({"chat": chat, "retrying": retrying, "anthropic": anthropic, "embeddings": embeddings})
