// The clients for Node: openai-node and the Vercel AI SDK. jobs.py describes what a driver reads and writes.

import { createAnthropic } from "@ai-sdk/anthropic";
import { createOpenAI } from "@ai-sdk/openai";
import { createOpenAICompatible } from "@ai-sdk/openai-compatible";
import { generateText, jsonSchema, streamText } from "ai";
import OpenAI from "openai";
import { createInterface } from "node:readline";

const key = "sk-no-secret", model = "reference", words = "Say hello.";
const messages = [{ role: "user", content: words }];
console.error = () => {};

async function plain(job, said) {
  const client = new OpenAI({ baseURL: job.url, apiKey: key });
  if (job.mode === "unary") {
    const reply = await client.chat.completions.create({ model, messages });
    if (typeof reply === "string") return;
    const message = reply.choices[0].message;
    said.text += message.content ?? "";
    for (const call of message.tool_calls ?? []) said.tools.push([call.function?.name, call.function?.arguments]);
    return;
  }
  const calls = {};
  try {
    for await (const chunk of await client.chat.completions.create({ model, messages, stream: true })) {
      const delta = chunk.choices?.[0]?.delta;
      said.text += delta?.content ?? "";
      for (const call of delta?.tool_calls ?? []) {
        const known = (calls[call.index] ??= [undefined, ""]);
        known[0] ||= call.function?.name;
        if (call.function?.arguments) known[1] += call.function.arguments;
      }
    }
  } finally {
    said.tools.push(...Object.values(calls));
  }
}

async function helper(job, said) {
  const stream = new OpenAI({ baseURL: job.url, apiKey: key }).chat.completions.stream({ model, messages });
  stream.on("content", (delta) => (said.text += delta));
  const final = await stream.finalChatCompletion();
  for (const call of final.choices[0].message.tool_calls ?? []) {
    if (call) said.tools.push([call.function?.name, call.function?.arguments]);
  }
}

async function embeddings(job, said) {
  const reply = await new OpenAI({ baseURL: job.url, apiKey: key }).embeddings.create({ model, input: words });
  const held = [];
  for (const entry of reply.data) held.push(entry.embedding);
  said.text = JSON.stringify(held);
}

const providers = {
  compatible: (url) => createOpenAICompatible({ name: "target", baseURL: url, apiKey: key })(model),
  openai: (url) => createOpenAI({ baseURL: url, apiKey: key }).chat(model),
  anthropic: (url) => createAnthropic({ baseURL: url, apiKey: key })(model),
};

// A tool of any name: what the SDK executes is a call; so is one whose arguments it can't parse.
const anyTool = (said) => new Proxy({ get_weather: {} }, {
  get: (_, name) => ({
    inputSchema: jsonSchema({ type: "object" }),
    execute: (input) => { said.tools.push([name, JSON.stringify(input)]); return "done"; },
  }),
});
const invalid = ({ toolName, input }) => [toolName, typeof input === "string" ? input : JSON.stringify(input)];

async function sdk(job, said) {
  const asked = { model: providers[job.surface](job.url), prompt: words };
  if (job.offers_tool) asked.tools = anyTool(said);
  if (job.mode === "unary") {
    const { text, toolCalls } = await generateText(asked);
    said.text += text;
    said.tools.push(...toolCalls.filter((call) => call.invalid).map(invalid));
    return;
  }
  let failed;
  const result = streamText({ ...asked, onError: (told) => (failed ??= told) });
  for await (const part of result.fullStream) {
    if (part.type === "text-delta") said.text += part.text;
    else if (part.type === "tool-call" && part.invalid) said.tools.push(invalid(part));
  }
  if (failed) throw failed.error;
}

const surfaces = { plain, helper, embeddings, compatible: sdk, openai: sdk, anthropic: sdk };

const waits = /\bat (?:sleep|delay) /; // the functions in which the SDKs wait before they try again
const { setTimeout: later } = globalThis;
let hurried = false; // with jobs that have little patience
globalThis.setTimeout = (done, ms, ...args) =>
  later(done, hurried && waits.test(new Error().stack) ? 10 : ms, ...args);

function patience(seconds) {
  const late = Object.assign(new Error("still waiting"), { name: "TimeoutError" });
  return new Promise((_, reject) => later(reject, seconds * 1000, late).unref());
}

async function work(job) {
  const said = { text: "", tools: [] };
  let error = null;
  try {
    await Promise.race([surfaces[job.surface](job, said), patience(job.patience_s ?? 60)]);
  } catch (raised) {
    error = `${raised?.name}: ${raised?.message}`.slice(0, 500);
  }
  process.stdout.write(JSON.stringify({ id: job.id, ...said, error }) + "\n");
}

process.on("unhandledRejection", () => {});
const atOnce = 8, working = new Set();
for await (const line of createInterface({ input: process.stdin })) {
  if (!line.trim()) continue;
  if (working.size === atOnce) await Promise.race(working);
  const asked = JSON.parse(line);
  hurried ||= "patience_s" in asked;
  const job = work(asked).then(() => working.delete(job));
  working.add(job);
}
await Promise.all(working);
process.exit(0); // whatever still waits
