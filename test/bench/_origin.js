import http from 'node:http';
import { serveParent } from './_process.js';

// The upstream of the proxy bench: /SIZE answers with as many bytes.
const piece = Buffer.alloc(65_536, 'turnout');

const server = http.createServer((request, response) => {
  let left = Number(request.url.slice(1));
  response.writeHead(200, { 'content-length': left });
  const write = () => {
    while (left > 0) {
      const part = left >= piece.length ? piece : piece.subarray(0, left);
      left -= part.length;
      if (!response.write(part)) return response.once('drain', write);
    }
    response.end();
  };
  write();
});

serveParent(
  ({ host }) =>
    new Promise((resolve) => server.listen(0, host, () => resolve({ port: server.address().port }))),
);
