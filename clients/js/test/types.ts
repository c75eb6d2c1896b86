// Compiled, never run: the types say what the client does.
import { Colloquy, ColloquyError, type RunEvent } from '../colloquy.js';

const client = new Colloquy({ baseUrl: 'http://127.0.0.1:8080' });

export async function answerOf(thread: string, content: string): Promise<string> {
  let text = '';
  for await (const event of client.stream(thread, { assistant_id: 'demo', content })) {
    if (event.type === 'message.delta') text += event.data.text;
    if (event.type === 'run.failed') throw new Error(event.data.error.code);
  }
  return text;
}

export function explain(error: unknown): string {
  if (!(error instanceof ColloquyError)) throw error;
  return error.code === 'thread_busy' ? 'Wait for the answer.' : error.message;
}

export async function names(): Promise<string[]> {
  const found: string[] = [];
  for await (const thread of client.threads({ limit: 10 })) found.push(thread.name);
  return found;
}

// @ts-expect-error there is no such event
export const unknown: RunEvent['type'] = 'run.exploded';
