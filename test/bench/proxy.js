import { digits, median, printTable } from './_measure.js';
import { startProcess } from './_process.js';

const GIB = 2 ** 30;

/** A large body and many small ones through the gateway, against `http.get` and `pipe`. */
export async function benchProxy({ quick }) {
  const size = quick ? GIB / 4 : GIB;
  const origin = await startProcess('_origin.js', { host: '127.0.0.2' });
  const upstream = `http://127.0.0.2:${origin.ready.port}`;
  const client = await startProcess('_client.js', { port: 0, request: '', connections: 0, milliseconds: 0 });
  const kinds = ['pipe', 'proxy'];
  const servers = await Promise.all(kinds.map((kind) => startProcess('_server.js', { kind, upstream })));
  const large = kinds.map(() => []);
  const small = kinds.map(() => []);
  for (let round = 0; round < (quick ? 2 : 4); round++) {
    for (const [index, { ready, ask }] of servers.entries()) {
      await client.ask({ port: ready.port, path: '/1024' });
      const idle = await ask({ kind: 'load' });
      const { bytes, seconds } = await client.ask({ port: ready.port, path: `/${size}` });
      if (bytes !== size) throw new Error(`${kinds[index]}: ${bytes} bytes of ${size}`);
      const load = await ask({ kind: 'load' });
      large[index].push({
        speed: bytes / 1e6 / seconds,
        cpu: (load.cpu * GIB) / size,
        added: load.peak - idle.rss,
      });
      const { answers } = await client.ask({
        port: ready.port,
        request: 'GET /1024 HTTP/1.1\r\nHost: get.example\r\n\r\n',
        connections: 32,
        milliseconds: quick ? 500 : 2000,
        expect: 200,
      });
      small[index].push(answers / (quick ? 0.5 : 2));
    }
  }
  for (const process of [client, origin, ...servers]) process.stop();
  print(size, large, small);
}

function print(size, large, small) {
  const middle = (index, key) => median(large[index].map((run) => run[key]));
  const ratio = (key) => `${(middle(1, key) / middle(0, key)).toFixed(2)}×`;
  // The peak of a process never falls, so that only its first large body tells what that added.
  const added = large.map(([first]) => first.added);
  printTable(`A body of ${size / 2 ** 20} MiB, and many of 1 KiB`, [
    ['', 'http.get and pipe', 'Turnout', 'ratio'],
    ['MB/s', digits(middle(0, 'speed')), digits(middle(1, 'speed')), ratio('speed')],
    ['CPU s per GiB', digits(middle(0, 'cpu')), digits(middle(1, 'cpu')), ratio('cpu')],
    ['MiB of memory added', digits(added[0]), digits(added[1]), ''],
    [
      '1 KiB bodies/s',
      digits(median(small[0])),
      digits(median(small[1])),
      `${(median(small[1]) / median(small[0])).toFixed(2)}×`,
    ],
  ]);
  console.log('\nWanted: less than 64 MiB of memory added.');
}
