// Test support.
import { connect, createServer } from 'node:net';

const { BASE, EMAIL, PASSWORD } = process.env;
if (!BASE) throw new Error('run scripts/clients.sh: it starts a server');

export const server = { baseUrl: BASE, email: EMAIL, password: PASSWORD };

/**
 * A TCP proxy in front of the service. Cuts the first `cuts` connections whose response reaches `bytes`
 * at that byte.
 */
export async function cuttingProxy({ bytes, cuts }) {
  const { hostname, port } = new URL(BASE);
  let left = cuts;
  const proxy = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    let passed = 0;
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.on('error', () => client.destroy()).on('close', () => client.end());
    client.pipe(upstream);
    upstream.on('data', (chunk) => {
      const room = left > 0 ? bytes - passed : Infinity;
      passed += chunk.length;
      if (chunk.length < room) return client.write(chunk);
      left -= 1;
      upstream.removeAllListeners('data');
      client.write(chunk.subarray(0, room), () => client.destroy());
    });
  });
  await new Promise((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  return {
    baseUrl: `http://127.0.0.1:${proxy.address().port}`,
    remaining: () => left,
    close: () => proxy.close(),
  };
}
