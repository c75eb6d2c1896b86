// Posts a message and follows its run in a browser or in Node. docs/api.md explains it.

/** The events of a response, as they come. */
async function* eventsOf(response) {
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  let buffer = '';
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    buffer += value;
    const frames = buffer.split('\n\n');
    buffer = frames.pop();
    for (const frame of frames) {
      const fields = {};
      for (const line of frame.split('\n')) {
        const colon = line.indexOf(':');
        // A line that begins with a colon is a sign of life.
        if (colon > 0) fields[line.slice(0, colon)] = line.slice(colon + 1).trimStart();
      }
      if (fields.data) yield { number: +fields.id, name: fields.event, data: JSON.parse(fields.data) };
    }
  }
}

/** What the service refuses: problem details. */
export class Refused extends Error {
  constructor(problem) {
    super(problem.detail);
    this.problem = problem;
  }
}

/** Posts a message and yields every event of its run once, through broken connections. */
export async function* post(api, token, thread, message, signal) {
  const key = crypto.randomUUID();
  const url = `${api}/threads/${thread}`;
  const ask = (run, last) =>
    run === undefined
      ? fetch(`${url}/messages`, {
          method: 'POST',
          signal,
          headers: {
            Authorization: `Bearer ${token}`,
            'Content-Type': 'application/json',
            Accept: 'text/event-stream',
            'Idempotency-Key': key,
          },
          body: JSON.stringify(message),
        })
      : fetch(`${url}/runs/${run}/events`, {
          signal,
          headers: { Authorization: `Bearer ${token}`, 'Last-Event-ID': String(last) },
        });
  let run;
  let last = 0;
  for (let pause = 250; ; pause = Math.min(2 * pause, 8000)) {
    try {
      const response = await ask(run, last);
      if (response.ok) {
        for await (const event of eventsOf(response)) {
          run ??= event.data.run.id;
          last = event.number;
          pause = 250;
          yield event;
          if (['run.completed', 'run.failed', 'run.cancelled'].includes(event.name)) return;
        }
      } else if (![429, 502, 503, 504].includes(response.status)) {
        throw new Refused(await response.json());
      }
    } catch (error) {
      // What `fetch` and its reader throw when the connection is gone.
      if (error instanceof Refused || signal?.aborted) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}
