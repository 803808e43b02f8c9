import { digits, median, printTable } from './_measure.js';
import { startProcess } from './_process.js';

const REQUEST = (path) => `GET ${path} HTTP/1.1\r\nHost: get.example\r\n\r\n`;

/** Redirects per second, each server against a bare one of the same kind, runs taken in turns. */
export async function benchHttp({ quick }) {
  const rows = [
    { title: 'bare http.createServer', kind: 'bare', rules: 1 },
    { title: 'toNodeHandler, 1,000 rules', kind: 'turnout', rules: 1000, against: 0 },
    { title: 'toNodeHandler, 100,000 rules', kind: 'turnout', rules: 100_000, against: 0 },
    { title: 'bare Express 5 middleware', kind: 'express' },
    { title: 'toExpressMiddleware, 1,000 rules', kind: 'express', rules: 1000, against: 3 },
  ];
  const client = await startProcess('_client.js', { port: 0, request: '', connections: 0, milliseconds: 0 });
  const servers = [];
  for (const row of rows) servers.push(await startProcess('_server.js', row));
  const rates = rows.map(() => []);
  for (let round = 0; round < (quick ? 2 : 4); round++) {
    for (const [index, { rules = 1 }] of rows.entries()) {
      const result = await client.ask({
        port: servers[index].ready.port,
        request: REQUEST(`/tool${rules >> 1}-linux_amd64-1.2.3.tar.gz`),
        connections: 64,
        milliseconds: quick ? 600 : 2500,
        expect: 307,
      });
      // The first round warms up.
      if (round > 0) rates[index].push(result.answers / result.seconds);
    }
  }
  for (const process of [client, ...servers]) process.stop();
  printTable('HTTP 307', [
    ['server', 'requests/s', 'against bare'],
    ...rows.map(({ title, against }, index) => [
      title,
      digits(median(rates[index])),
      against === undefined ? '' : `${(median(rates[index]) / median(rates[against])).toFixed(2)}×`,
    ]),
  ]);
}
