import http from 'node:http';
import net from 'node:net';
import { serveParent } from './_process.js';

// The load generator: requests in a row on kept connections, or one download that is counted and thrown away.
serveParent((task) => (task.path ? download(task) : hammer(task)));

async function download({ port, path }) {
  const start = performance.now();
  const bytes = await new Promise((resolve, reject) => {
    let count = 0;
    http
      .get({ host: '127.0.0.1', port, path }, (response) => {
        response.on('data', (piece) => {
          count += piece.length;
        });
        response.on('end', () => resolve(count)).on('error', reject);
      })
      .on('error', reject);
  });
  return { bytes, seconds: (performance.now() - start) / 1000 };
}

/** Sends one request after the other on each connection; answers have no body, or end with a known length. */
async function hammer({ port, request, connections, milliseconds, expect }) {
  const bytes = Buffer.from(request);
  let answers = 0;
  const sockets = [];
  const until = performance.now() + milliseconds;
  await Promise.all(
    Array.from({ length: connections }, () => {
      const socket = net.connect(port, '127.0.0.1');
      sockets.push(socket);
      return new Promise((resolve, reject) => {
        let seen = '';
        socket.on('error', reject).on('connect', () => socket.write(bytes));
        socket.on('data', (piece) => {
          seen += piece.latin1Slice();
          const end = seen.indexOf('\r\n\r\n');
          if (end === -1) return;
          const length = Number(/content-length: (\d+)/i.exec(seen)?.[1] ?? 0);
          if (seen.length < end + 4 + length) return;
          if (!seen.startsWith(`HTTP/1.1 ${expect}`)) reject(new Error(seen.slice(0, 200)));
          seen = '';
          answers++;
          if (performance.now() < until) socket.write(bytes);
          else resolve();
        });
      });
    }),
  );
  for (const socket of sockets) socket.destroy();
  return { answers, seconds: milliseconds / 1000 };
}
