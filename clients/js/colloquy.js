// Client of the Colloquy API for browsers and Node 20 or later. No dependencies; types in colloquy.d.ts.

/** A response with a status of 400 or more, or an unreachable server (status 0). */
export class ColloquyError extends Error {
  /** @param {number} status @param {object} problem RFC 9457 problem details @param {unknown} [cause] */
  constructor(status, problem, cause) {
    super(problem.detail ?? `HTTP status ${status}`, { cause });
    this.name = 'ColloquyError';
    this.status = status;
    this.code = problem.code ?? 'unknown';
    this.errors = problem.errors ?? [];
    this.requestId = problem.request_id;
    this.runId = problem.run_id;
    this.retryAfter = problem.retry_after;
  }
}

const FINAL_EVENTS = new Set([
  'run.completed',
  'run.failed',
  'run.cancelled',
  'run.expired',
  'run.requires_action',
]);
/** Retryable statuses, unless the problem names a failed run. */
const TRANSIENT = new Set([429, 502, 503, 504]);
const FIRST_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 8_000;

export class Colloquy {
  #api;
  #token;
  #fetch;
  #retries;

  /**
   * @param {object} options
   * @param {string} options.baseUrl origin of the service, for example `https://assistants.example.org`
   * @param {string} [options.token] session token or API key
   * @param {typeof fetch} [options.fetch]
   * @param {number} [options.retries] consecutive failures before a call gives up
   */
  constructor({ baseUrl, token, fetch = globalThis.fetch, retries = 8 }) {
    this.#api = `${baseUrl.replace(/\/+$/, '')}/api/v1`;
    this.#token = token;
    this.#fetch = (...request) => fetch(...request);
    this.#retries = retries;
  }

  /** The current token, to store or to pass to another client. */
  get token() {
    return this.#token;
  }

  /** Signs in and uses the session's token from now on. */
  async signIn(email, password) {
    const session = await this.request('POST', '/auth/login', { body: { username: email, password } });
    this.#token = session.access_token;
    return session;
  }

  /** Ends the session on the server. */
  async signOut() {
    await this.request('POST', '/auth/logout');
    this.#token = undefined;
  }

  me() {
    return this.request('GET', '/users/me');
  }

  assistants({ skip = 0, limit = 100 } = {}) {
    return this.request('GET', `/assistants${query({ skip, limit })}`);
  }

  /** @param {string} assistant id or slug */
  assistant(assistant) {
    return this.request('GET', `/assistants/${encodeURIComponent(assistant)}`);
  }

  /** The caller's threads, latest activity first or newest first (`created`), fetched page by page. */
  threads({ assistantId, order, limit = 100 } = {}) {
    return this.#pages(`/threads${query({ assistant_id: assistantId, order, limit })}`);
  }

  createThread(thread = {}) {
    return this.request('POST', '/threads', { body: thread });
  }

  thread(thread) {
    return this.request('GET', `/threads/${thread}`);
  }

  updateThread(thread, changes) {
    return this.request('PATCH', `/threads/${thread}`, { body: changes });
  }

  deleteThread(thread) {
    return this.request('DELETE', `/threads/${thread}`);
  }

  /** The thread's messages, oldest first or newest first (`desc`), fetched page by page. */
  messages(thread, { include, order, limit = 100 } = {}) {
    return this.#pages(`/threads/${thread}/messages${query({ include, order, limit })}`);
  }

  deleteMessage(thread, message) {
    return this.request('DELETE', `/threads/${thread}/messages/${message}`);
  }

  /** The thread's runs, newest first, fetched page by page. */
  runs(thread, { limit = 100 } = {}) {
    return this.#pages(`/threads/${thread}/runs${query({ limit })}`);
  }

  run(thread, run) {
    return this.request('GET', `/threads/${thread}/runs/${run}`);
  }

  /** Cancels the run and returns its final state. */
  cancel(thread, run) {
    return this.request('POST', `/threads/${thread}/runs/${run}/cancel`);
  }

  /** Submits the outputs of all calls that the paused run waits for, and waits for the run. Not retried. */
  submitOutputs(thread, run, outputs, { signal } = {}) {
    return this.request('POST', `/threads/${thread}/runs/${run}/outputs`, { body: { outputs }, signal });
  }

  /** Approves or declines all calls that the paused run waits for, and waits for the run. Not retried. */
  submitApprovals(thread, run, approvals, { signal } = {}) {
    return this.request('POST', `/threads/${thread}/runs/${run}/approvals`, { body: { approvals }, signal });
  }

  /** Posts a message and waits for the answer, or until the run pauses. Throws if the run fails. */
  post(thread, message, options) {
    return this.#submit(thread, message, options, {});
  }

  /** Posts a message and returns its run without waiting. */
  async start(thread, message, options) {
    const { run } = await this.#submit(thread, message, options, { Prefer: 'respond-async' });
    return run;
  }

  /**
   * Posts a message and yields each event of its run once, reconnecting as needed. Leaving the loop or
   * aborting stops reading, not the run.
   */
  async *stream(thread, message, options = {}) {
    const headers = { ...submission(options), Accept: 'text/event-stream' };
    const { signal } = options;
    const open = () => this.#send('POST', `/threads/${thread}/messages`, { body: message, headers, signal });
    yield* this.#events(thread, { open, signal });
  }

  /** Yields a run's events after number `after`: stored ones, then live ones. */
  async *follow(thread, run, { after = 0, signal } = {}) {
    yield* this.#events(thread, { run, after, signal });
  }

  /**
   * One page of a list, and the paths of the pages after and before it.
   * @param {string} path below `/api/v1`, for example `/threads/${id}/messages?order=desc`
   */
  async page(path) {
    const response = await this.#send('GET', path);
    const items = await decoded(response);
    return { items, next: linked(response, 'next'), prev: linked(response, 'prev') };
  }

  /**
   * Calls any route of the API.
   * @param {string} path below `/api/v1`
   */
  async request(method, path, options = {}) {
    return decoded(await this.#send(method, path, options));
  }

  #submit(thread, message, options = {}, headers) {
    const request = { body: message, headers: { ...submission(options), ...headers }, signal: options.signal };
    return this.#persist(options.signal, () => this.request('POST', `/threads/${thread}/messages`, request));
  }

  /** Follows the run; reopens a broken stream after the last event. */
  async *#events(thread, { open, run, after = 0, signal }) {
    let last = after;
    const resume = () => {
      const headers = { Accept: 'text/event-stream', 'Last-Event-ID': String(last) };
      return this.#send('GET', `/threads/${thread}/runs/${run}/events`, { headers, signal });
    };
    for (let failures = 0; ; failures += 1) {
      try {
        const response = await (run === undefined ? open() : resume());
        for await (const event of parse(response.body)) {
          run ??= event.data.run?.id;
          last = event.number;
          failures = 0;
          yield event;
          if (FINAL_EVENTS.has(event.type)) return;
        }
        throw new ColloquyError(0, { detail: 'The event stream ended before the run did.' });
      } catch (error) {
        await this.#pause(error, failures, signal);
      }
    }
  }

  async #persist(signal, attempt) {
    for (let failures = 0; ; failures += 1) {
      try {
        return await attempt();
      } catch (error) {
        await this.#pause(error, failures, signal);
      }
    }
  }

  /** Waits before the next attempt; throws `error` if there must be none. */
  async #pause(error, failures, signal) {
    if (signal?.aborted) throw signal.reason;
    const isTransient =
      error instanceof ColloquyError && (error.status === 0 || TRANSIENT.has(error.status)) && !error.runId;
    if (!isTransient || failures >= this.#retries) throw error;
    const backoff = Math.min(FIRST_PAUSE_MS * 2 ** failures, LONGEST_PAUSE_MS);
    await sleep(Math.max(backoff, 1_000 * (error.retryAfter ?? 0)), signal);
  }

  async *#pages(path) {
    for (let page = { next: path }; page.next !== undefined; ) {
      page = await this.page(page.next);
      yield* page.items;
    }
  }

  async #send(method, path, { body, headers = {}, signal } = {}) {
    const request = { method, signal, headers: { Accept: 'application/json', ...headers } };
    if (this.#token !== undefined) request.headers.Authorization = `Bearer ${this.#token}`;
    if (body !== undefined) {
      request.headers['Content-Type'] = 'application/json';
      request.body = JSON.stringify(body);
    }
    const response = await reached(() => this.#fetch(this.#api + path, request));
    if (response.ok) return response;
    throw await refusal(response);
  }
}

/** Converts connection errors of `fetch` and its readers into a `ColloquyError`. */
async function reached(attempt) {
  try {
    return await attempt();
  } catch (cause) {
    if (cause.name === 'AbortError') throw cause;
    throw new ColloquyError(0, { detail: 'The service cannot be reached.' }, cause);
  }
}

async function refusal(response) {
  const problem = await response.json().catch(() => ({}));
  const seconds = Number(response.headers.get('Retry-After'));
  return new ColloquyError(response.status, { ...problem, retry_after: seconds || undefined });
}

async function decoded(response) {
  if (response.status === 204) return undefined;
  return reached(() => response.json());
}

/** Headers of a post: one key for all attempts, so that the message is stored once. */
function submission({ idempotencyKey = crypto.randomUUID(), bypassCache = false }) {
  const headers = { 'Idempotency-Key': idempotencyKey };
  return bypassCache ? { ...headers, 'Cache-Control': 'no-cache' } : headers;
}

/** The path below `/api/v1` of that relation in `Link: </api/v1/...>; rel="next"`. */
function linked(response, relation) {
  const links = response.headers.get('Link')?.matchAll(/<([^>]*)>\s*;\s*rel="?(\w+)"?/g) ?? [];
  return [...links].find(([, , found]) => found === relation)?.[1].replace(/^.*?\/api\/v1(?=\/)/, '');
}

function query(parameters) {
  const set = Object.entries(parameters).filter(([, value]) => value !== undefined);
  return set.length === 0 ? '' : `?${new URLSearchParams(set)}`;
}

/** The events of an SSE body. Skips comments and events without data. */
async function* parse(body) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  try {
    for (;;) {
      const { value, done } = await reached(() => reader.read());
      if (done) return;
      const frames = (buffer + value).split('\n\n');
      buffer = frames.pop();
      yield* frames.map(parseFrame).filter((event) => event !== undefined);
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

function parseFrame(frame) {
  const event = { data: [] };
  for (const line of frame.split('\n')) {
    const colon = line.indexOf(':');
    if (colon <= 0) continue;
    const [field, value] = [line.slice(0, colon), line.slice(colon + 1).replace(/^ /, '')];
    if (field === 'data') event.data.push(value);
    else event[field] = value;
  }
  if (event.data.length === 0) return undefined;
  return { number: Number(event.id), type: event.event, data: JSON.parse(event.data.join('\n')) };
}

function sleep(milliseconds, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', abort);
      resolve();
    }, milliseconds);
    signal?.addEventListener('abort', abort, { once: true });
  });
}
