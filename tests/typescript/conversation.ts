// Holds a conversation with the client that openapi-typescript and openapi-fetch make of the API's document.
// Needs BASE, EMAIL and PASSWORD, and a server with the demo assistant.
import assert from "node:assert/strict";
import createClient from "openapi-fetch";
import type { components, paths } from "./generated";

type RunEvent = components["schemas"]["RunEvent"];

const { BASE = "", EMAIL = "", PASSWORD = "" } = process.env;

async function signIn(email: string, password: string): Promise<string> {
  const { data, error } = await createClient<paths>({ baseUrl: BASE }).POST("/api/v1/auth/login", {
    body: { username: email, password },
  });
  assert(data, error?.detail);
  return data.access_token;
}

async function* events(body: ReadableStream<Uint8Array>): AsyncGenerator<RunEvent> {
  let buffer = "";
  const decoder = new TextDecoder();
  for await (const bytes of body) {
    const frames = (buffer + decoder.decode(bytes, { stream: true })).split("\n\n");
    buffer = frames.pop() ?? "";
    for (const frame of frames) {
      const fields = Object.fromEntries(frame.split("\n").map((line) => line.split(/: ?(.*)/s, 2)));
      if (fields.data) yield { ...fields, data: JSON.parse(fields.data) } as RunEvent;
    }
  }
}

const token = await signIn(EMAIL, PASSWORD);
const client = createClient<paths>({ baseUrl: BASE, headers: { Authorization: `Bearer ${token}` } });

const thread = await client.POST("/api/v1/threads", { body: { assistant_id: "demo" } });
assert(thread.data, thread.error?.detail);
const path = { thread_id: thread.data.id };

const answer = await client.POST("/api/v1/threads/{thread_id}/messages", {
  params: { path, header: { "Idempotency-Key": crypto.randomUUID() } },
  body: { content: "Is anybody there?" },
});
assert(answer.response.status === 201 && answer.data && "output" in answer.data);
assert.equal(answer.data.run.status, "completed");

const askedAt = performance.now();
let firstToken: number | undefined;
let text = "";
const stream = await client.POST("/api/v1/threads/{thread_id}/messages", {
  params: { path },
  headers: { Accept: "text/event-stream" },
  body: { content: "One more thing" },
  parseAs: "stream",
});
assert(stream.data, stream.error?.detail);
for await (const event of events(stream.data)) {
  switch (event.event) {
    case "message.delta":
      firstToken ??= performance.now() - askedAt;
      text += event.data.text;
      break;
    case "run.completed":
      assert.equal(event.data.output, text);
      break;
  }
}
assert(text !== "" && firstToken !== undefined);

const newest = await client.GET("/api/v1/threads/{thread_id}/messages", {
  params: { path, query: { order: "desc", limit: 1 } },
});
assert.equal(newest.data?.[0]?.content, text);
assert.match(newest.response.headers.get("Link") ?? "", /rel="next"/);

const threads = await client.GET("/api/v1/threads", { params: { query: { limit: 1 } } });
assert.equal(threads.data?.[0]?.id, thread.data.id);
assert.equal(threads.data[0].name, "Is anybody there?");

const missing = await client.GET("/api/v1/threads/{thread_id}", {
  params: { path: { thread_id: crypto.randomUUID() } },
});
assert.equal(missing.error?.code, "entity_not_found");
console.log(`first token after ${firstToken.toFixed(0)} ms`);
