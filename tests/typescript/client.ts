// What a front end does with the API, in the types that its document makes.
import createClient from "openapi-fetch";
import type { components, paths } from "./generated";

type Run = components["schemas"]["Run"];
type Problem = components["schemas"]["Problem"];

const client = createClient<paths>({ baseUrl: "http://127.0.0.1:8080" });

export async function catalogue(): Promise<string[]> {
  const { data, error } = await client.GET("/api/v1/assistants", {
    params: { query: { skip: 0, limit: 100 } },
  });
  if (error) throw new Error(explain(error));
  return data.map((assistant) => assistant.name);
}

export async function ask(thread: string, assistant: string, content: string): Promise<Run> {
  const { data, error } = await client.POST("/api/v1/threads/{thread_id}/messages", {
    params: { path: { thread_id: thread }, header: { "Idempotency-Key": crypto.randomUUID() } },
    body: { assistant_id: assistant, content },
  });
  if (error) throw new Error(explain(error));
  return (data as { run: Run }).run;
}

export async function rename(assistant: string, name: string, revision: string): Promise<void> {
  const { error } = await client.PATCH("/api/v1/assistants/{assistant_id}", {
    params: { path: { assistant_id: assistant }, header: { "If-Match": revision } },
    body: { name, description: null },
  });
  if (error) throw new Error(explain(error));
}

export function explain(problem: Problem): string {
  const fields = problem.errors?.map((field) => `${field.field} ${field.message}`) ?? [];
  return [problem.code, problem.detail, ...fields].join(": ");
}

export function spent(run: Run): number {
  if (run.status !== "completed") return 0;
  return (run.usage?.input_tokens ?? 0) + (run.usage?.output_tokens ?? 0);
}

// @ts-expect-error a run has no such status
export const wrong: Run["status"] = "unheard_of";
