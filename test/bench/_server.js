import { readFileSync } from 'node:fs';
import http from 'node:http';
import { toExpressMiddleware } from '../../dist/adapters/express.js';
import { toNodeHandler } from '../../dist/adapters/node.js';
import { compileRules, rule } from '../../dist/index.js';
import { file } from '../../dist/protocols/file.js';
import { serveParent } from './_process.js';

// One server in a process of its own; asked for its load, it tells what it has used since it was last asked.
const agent = new http.Agent({ keepAlive: true });

const handlers = {
  bare: () => (_request, response) => {
    response.writeHead(307, { location: 'https://dl.example/x', 'content-length': '0' }).end();
  },
  turnout: ({ rules }) => toNodeHandler(manyRules(rules)),
  pipe: ({ upstream }) => pipeTo(upstream),
  proxy: ({ upstream }) => toNodeHandler(compileRules([rule(file, { to: upstream, mode: 'proxy' })])),
  express: async ({ rules }) => {
    const { default: express } = await import('express');
    const app = express();
    app.disable('x-powered-by');
    if (rules) app.use(toExpressMiddleware(manyRules(rules)));
    else app.use(handlers.bare());
    return app;
  },
};

/** File rules with variables inside a segment, of which the load generator asks the middle one. */
function manyRules(count) {
  const rules = Array.from({ length: count }, (_, index) =>
    rule(file, {
      match: `/tool${index}-:platform-:version.tar.gz`,
      to: `https://dl.example/tool${index}/:version/:platform.tgz`,
      status: 307,
    }),
  );
  return compileRules(rules);
}

function pipeTo(upstream) {
  const { hostname, port } = new URL(upstream);
  return (request, response) => {
    http.get({ hostname, port, path: request.url, agent }, (answer) => {
      response.writeHead(answer.statusCode, answer.headers);
      answer.pipe(response);
    });
  };
}

let before = process.cpuUsage();

serveParent(async (task) => {
  if (task.kind === 'load') {
    const { user, system } = process.cpuUsage(before);
    before = process.cpuUsage();
    return { cpu: (user + system) / 1e6, ...memory() };
  }
  const server = http.createServer(await handlers[task.kind](task));
  await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { port: server.address().port };
});

/** Resident memory in MiB: now, and the most since the process began. */
function memory() {
  try {
    const status = readFileSync('/proc/self/status', 'utf8');
    const read = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]) / 1024;
    return { rss: read('VmRSS'), peak: read('VmHWM') };
  } catch {
    return { rss: process.memoryUsage.rss() / 2 ** 20, peak: process.resourceUsage().maxRSS / 1024 };
  }
}
