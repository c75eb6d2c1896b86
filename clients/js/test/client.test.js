import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { Colloquy, ColloquyError } from '../colloquy.js';
import { cuttingProxy, server } from './server.js';

const WORDS = Array.from({ length: 200 }, (_, index) => `word${index}`).join(' ');
const client = new Colloquy(server);
let thread;

before(async () => {
  const session = await client.signIn(server.email, server.password);
  assert.equal(session.token_type, 'bearer');
  const assistant = { name: 'Parrot', slug: 'parrot', model: 'echo::echo' };
  await client.request('POST', '/assistants', { body: assistant });
  thread = await client.createThread({ name: 'Tests of the client', assistant_id: 'parrot' });
});

after(async () => {
  await client.signOut();
  await assert.rejects(client.me(), { status: 401, code: 'authentication_required' });
});

const message = (content) => ({ assistant_id: 'parrot', content });

async function collect(events) {
  const all = [];
  for await (const event of events) all.push(event);
  return all;
}

const textOf = (events) =>
  events.filter(({ type }) => type === 'message.delta').map(({ data }) => data.text).join('');

test('post waits for the answer', async () => {
  const answer = await client.post(thread.id, message('Is anybody there?'));
  assert.equal(answer.output, 'Echo: Is anybody there?');
  assert.equal(answer.run.status, 'completed');
});

test('stream yields each event once, in order', async () => {
  const events = await collect(client.stream(thread.id, message('And now?')));
  assert.equal(events[0].type, 'run.started');
  assert.equal(events.at(-1).type, 'run.completed');
  assert.equal(textOf(events), 'Echo: And now?');
  const numbers = events.map(({ number }) => number);
  assert.deepEqual(numbers, [...new Set(numbers)].sort((a, b) => a - b));
});

test('a stream survives connections that break', async () => {
  const proxy = await cuttingProxy({ bytes: 3_000, cuts: 3 });
  const through = new Colloquy({ baseUrl: proxy.baseUrl, token: client.token });
  const events = await collect(through.stream(thread.id, message(WORDS)));
  proxy.close();
  assert.equal(proxy.remaining(), 0);
  assert.equal(textOf(events), `Echo: ${WORDS}`);
  assert.equal(events.at(-1).data.output, `Echo: ${WORDS}`);
});

test('a post whose answer was lost is stored once', async () => {
  const proxy = await cuttingProxy({ bytes: 1, cuts: 2 });
  const through = new Colloquy({ baseUrl: proxy.baseUrl, token: client.token });
  const other = await client.createThread();
  const answer = await through.post(other.id, message(WORDS));
  proxy.close();
  assert.equal(answer.output, `Echo: ${WORDS}`);
  assert.equal((await collect(client.messages(other.id))).length, 2);
});

test('a run is followed from any event', async () => {
  const run = await client.start(thread.id, message('Later'));
  const all = await collect(client.follow(thread.id, run.id));
  const rest = await collect(client.follow(thread.id, run.id, { after: all[1].number }));
  assert.equal(textOf(all), 'Echo: Later');
  assert.deepEqual(rest, all.slice(2));
});

test('cancel returns a run that has ended as it is', async () => {
  const { run } = await client.post(thread.id, message('Done'));
  assert.equal((await client.cancel(thread.id, run.id)).status, 'completed');
});

test('lists walk all pages', async () => {
  const other = await client.createThread();
  for (const content of ['1', '2', '3']) await client.post(other.id, message(content));
  const contents = (await collect(client.messages(other.id, { limit: 1 }))).map(({ content }) => content);
  assert.deepEqual(contents, ['1', 'Echo: 1', '2', 'Echo: 2', '3', 'Echo: 3']);
  const ids = (await collect(client.threads({ limit: 1 }))).map(({ id }) => id);
  assert.ok(ids.includes(other.id) && ids.includes(thread.id));
});

test('pages lead in both directions', async () => {
  const long = await client.createThread({ assistant_id: 'parrot' });
  for (const content of ['one', 'two', 'three']) await client.post(long.id, { content });
  const texts = ({ items }) => items.map(({ content }) => content);
  const newest = await client.page(`/threads/${long.id}/messages?order=desc&limit=2`);
  assert.deepEqual(texts(newest), ['Echo: three', 'three']);
  assert.equal(newest.prev, undefined);
  const older = await client.page(newest.next);
  assert.deepEqual(texts(older), ['Echo: two', 'two']);
  assert.deepEqual(texts(await client.page(older.prev)), texts(newest));
  const all = await collect(client.messages(long.id, { order: 'desc', limit: 4 }));
  assert.equal(all.length, 6);
  assert.equal(all.at(-1).content, 'one');
  const [latest] = await collect(client.threads({ limit: 10 }));
  assert.equal(latest.name, 'one');
});

test('an error names its fields', async () => {
  const refused = client.createThread({ nmae: 'A typing error' });
  await assert.rejects(refused, (error) => {
    assert.ok(error instanceof ColloquyError);
    assert.deepEqual([error.status, error.code, error.errors[0].field], [422, 'validation_error', 'nmae']);
    return true;
  });
});

test('a server that is away is an error with status 0', async () => {
  const nowhere = new Colloquy({ baseUrl: 'http://127.0.0.1:1', retries: 1 });
  await assert.rejects(nowhere.me(), { status: 0 });
  await assert.rejects(nowhere.post(thread.id, message('?')), { status: 0 });
});

test('aborting ends the reading, not the run', async () => {
  const controller = new AbortController();
  const events = client.stream(thread.id, message(WORDS), { signal: controller.signal });
  const { value: started } = await events.next();
  controller.abort();
  await assert.rejects(collect(events), { name: 'AbortError' });
  const rest = await collect(client.follow(thread.id, started.data.run.id, { after: started.number }));
  assert.equal(rest.at(-1).type, 'run.completed');
});
