import type { components } from './api.d.ts';

type Schemas = components['schemas'];

export type Assistant = Schemas['Assistant'];
export type Thread = Schemas['Thread'];
export type Message = Schemas['Message'];
export type Run = Schemas['Run'];
export type User = Schemas['User'];
export type Session = Schemas['Session'];
export type Answer = Schemas['Answered'];
export type FieldError = Schemas['FieldProblem'];

interface Event<Type extends string, Data> {
  /** Counts from 1 within the run. */
  number: number;
  type: Type;
  data: Data;
}

/** A run event, discriminated by `type`. Ignore unknown types. */
export type RunEvent =
  | Event<'run.started', Schemas['RunStarted']>
  | Event<'message.delta', Schemas['MessageDelta']>
  | Event<'tools.requested', Schemas['ToolsRequested']>
  | Event<'tool.called', Schemas['ToolCalled']>
  | Event<'tool.returned', Schemas['ToolReturned']>
  | Event<'round.ended', Schemas['RoundEnded']>
  | Event<'message.completed', Schemas['MessageCompleted']>
  | Event<'run.requires_action', Schemas['RunRequiresAction']>
  | Event<'run.resumed', Schemas['RunResumed']>
  | Event<'run.completed', Schemas['RunCompleted']>
  | Event<'run.failed', Schemas['RunFailed']>
  | Event<'run.cancelled', Schemas['RunCancelled']>
  | Event<'run.expired', Schemas['RunExpired']>;

/** A response with a status of 400 or more, or an unreachable server (status 0). */
export class ColloquyError extends Error {
  status: number;
  /** Stable problem code, for example `thread_busy`. */
  code: Schemas['Problem']['code'] | 'unknown';
  /** Validation errors per field. */
  errors: FieldError[];
  requestId?: string;
  /** The failed run; its message is stored. */
  runId?: string;
  /** Seconds. */
  retryAfter?: number;
}

export interface Options {
  /** Origin of the service, for example `https://assistants.example.org`. */
  baseUrl: string;
  /** Session token or API key. */
  token?: string;
  fetch?: typeof globalThis.fetch;
  /** Consecutive failures before a call gives up; default 8. */
  retries?: number;
}

export interface Submission {
  /** Generated per message by default. The same key and message return the same run. */
  idempotencyKey?: string;
  /** Bypasses the answer cache. */
  bypassCache?: boolean;
  signal?: AbortSignal;
}

export interface Page<Item> {
  items: Item[];
  /** Paths for `page`, while there are more items on that side. */
  next: string | undefined;
  prev: string | undefined;
}

export class Colloquy {
  constructor(options: Options);
  readonly token: string | undefined;
  signIn(email: string, password: string): Promise<Session>;
  signOut(): Promise<void>;
  me(): Promise<User>;
  assistants(page?: { skip?: number; limit?: number }): Promise<Assistant[]>;
  assistant(assistant: string): Promise<Assistant>;
  threads(filter?: { assistantId?: string; order?: 'activity' | 'created'; limit?: number }): AsyncGenerator<Thread, void>;
  createThread(thread?: Schemas['CreateThread']): Promise<Thread>;
  thread(thread: string): Promise<Thread>;
  updateThread(thread: string, changes: Schemas['UpdateThread']): Promise<Thread>;
  deleteThread(thread: string): Promise<void>;
  messages(
    thread: string,
    options?: { include?: 'tools' | 'reasoning' | 'tools,reasoning'; order?: 'asc' | 'desc'; limit?: number },
  ): AsyncGenerator<Message, void>;
  deleteMessage(thread: string, message: string): Promise<void>;
  runs(thread: string, options?: { limit?: number }): AsyncGenerator<Run, void>;
  run(thread: string, run: string): Promise<Run>;
  cancel(thread: string, run: string): Promise<Run>;
  submitOutputs(
    thread: string,
    run: string,
    outputs: Schemas['SubmitOutputs']['outputs'],
    options?: { signal?: AbortSignal },
  ): Promise<Answer>;
  submitApprovals(
    thread: string,
    run: string,
    approvals: Schemas['SubmitApprovals']['approvals'],
    options?: { signal?: AbortSignal },
  ): Promise<Answer>;
  post(thread: string, message: Schemas['CreateMessage'], options?: Submission): Promise<Answer>;
  start(thread: string, message: Schemas['CreateMessage'], options?: Submission): Promise<Run>;
  stream(thread: string, message: Schemas['CreateMessage'], options?: Submission): AsyncGenerator<RunEvent, void>;
  follow(thread: string, run: string, options?: { after?: number; signal?: AbortSignal }): AsyncGenerator<RunEvent, void>;
  page<Item = unknown>(path: string): Promise<Page<Item>>;
  request<Answer = unknown>(
    method: string,
    path: string,
    options?: { body?: unknown; headers?: Record<string, string>; signal?: AbortSignal },
  ): Promise<Answer>;
}
