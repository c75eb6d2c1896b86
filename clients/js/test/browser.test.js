// The client in a real browser, on a page with another origin.
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { test } from 'node:test';

import { chromium } from 'playwright-core';

import { server } from './server.js';

const CHROMIUM = process.env.CHROMIUM ?? '/usr/bin/chromium';
const SOURCE = readFileSync(new URL('../colloquy.js', import.meta.url));

/** Runs in the page. */
async function converse({ baseUrl, email, password }) {
  const { Colloquy } = await import('/colloquy.js');
  const client = new Colloquy({ baseUrl });
  await client.signIn(email, password);
  const thread = await client.createThread();
  const events = [];
  const message = { assistant_id: 'demo', content: 'Is anybody there?' };
  for await (const event of client.stream(thread.id, message)) events.push(event);
  const refused = await client.thread('nothing').catch((error) => error.code);
  return { events, refused };
}

const skip = existsSync(CHROMIUM) ? false : `not run: no browser at ${CHROMIUM}`;

test('a page on another origin holds a conversation', { skip }, async (context) => {
  const page = createServer((request, response) => {
    const isScript = request.url === '/colloquy.js';
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    response.end(isScript ? SOURCE : '<!doctype html><title>Test</title>');
  });
  const { PAGE_PORT } = process.env;
  await new Promise((resolve) => page.listen(Number(PAGE_PORT), '127.0.0.1', resolve));
  const args = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--disable-background-networking'];
  const browser = await chromium.launch({ executablePath: CHROMIUM, args });
  context.after(() => Promise.all([browser.close(), page.close()]));

  const tab = await browser.newPage();
  await tab.goto(`http://127.0.0.1:${PAGE_PORT}/`);
  const { events, refused } = await tab.evaluate(converse, server);
  assert.equal(events.at(-1).data.output, 'Echo: Is anybody there?');
  assert.equal(refused, 'entity_not_found');
});
