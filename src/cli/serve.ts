import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Command, InvalidArgumentError, Option } from 'commander';
import { toNodeHandler } from '../adapters/node.ts';
import type { RuleSet } from '../core/compile.ts';
import { formatIssue, isRuleError } from '../core/errors.ts';
import { createAccessLog, type LogFormat } from './_access-log.ts';
import { createAdmin } from './_admin.ts';
import { describeRules } from './_describe-rules.ts';
import { drain } from './_drain.ts';
import { createGatewayLog } from './_gateway-log.ts';
import { joinHooks } from './_join-hooks.ts';
import { complain, count, fail, print } from './_output.ts';
import { historyOf, openRules, openStore, RULES_HELP } from './_rules.ts';
import { createUpstreamCounts } from './_upstream-counts.ts';

/** The environment's name for the secret that instances share which serve clients with credentials of their own. */
const TOKEN_KEY = 'TURNOUT_TOKEN_KEY';

interface ServeOptions {
  readonly port: number;
  readonly host: string;
  readonly admin: Address | false;
  readonly log: LogFormat;
  readonly publicOrigin?: string;
  readonly trustProxy?: boolean | readonly string[];
  readonly drainDelay: number;
  readonly grace: number;
  readonly watch: boolean;
  readonly poll: number;
  readonly cache?: string;
  readonly history?: string;
}

interface Address {
  readonly host: string;
  readonly port: number;
}

/** Adds `turnout serve`. */
export function addServe(program: Command): void {
  program
    .command('serve')
    .description(
      'Run the gateway. Changes of the rules are taken up whole, or not at all, while requests run on.',
    )
    .argument('[rules]', RULES_HELP, 'turnout.yaml')
    .option('-p, --port <number>', 'the port; 0 for any that is free', readPort, 8080)
    .option('--host <address>', 'the address to listen on; 0.0.0.0 for all', '127.0.0.1')
    .addOption(
      new Option('--admin <address>', 'where /healthz and /readyz answer; off for nowhere')
        .argParser(readAddress)
        .default({ host: '127.0.0.1', port: 9090 }, '127.0.0.1:9090'),
    )
    .addOption(
      new Option('--log <format>', 'how requests are logged on stdout')
        .choices(['json', 'text', 'off'])
        .default(process.stdout.isTTY ? 'text' : 'json', 'text on a terminal, else json'),
    )
    .option(
      '--public-origin <origin>',
      'the origin that rewritten documents name, if not that of each request',
    )
    .option(
      '--trust-proxy [networks]',
      'believe X-Forwarded-* fields: of anybody, or of these networks, separated by commas',
      readNetworks,
    )
    .option(
      '--drain-delay <seconds>',
      'how long new requests are taken after SIGTERM, while /readyz answers 503',
      readSeconds,
      0,
    )
    .option('--grace <seconds>', 'how long downloads may go on after SIGTERM and that delay', readSeconds, 25)
    .option('--no-watch', 'do not take up changes of the rules')
    .option(
      '--poll <seconds>',
      'how often the rules are looked at when nothing hints at a change',
      readPoll,
      1,
    )
    .option('--cache <file>', 'keep a copy of the last good rules, which serves after a restart without them')
    .option(
      '--history <folder>',
      'where the last 50 accepted rules are kept, for turnout rollback; off for nowhere (default: .turnout/history beside the copy or the file)',
    )
    .addHelpText(
      'after',
      '\nSecrets are written as ${NAME} in the rule file and read from the environment.\nSIGTERM and SIGINT let running downloads finish; a second one does not.',
    )
    .action(serve);
}

async function serve(rules: string, options: ServeOptions): Promise<void> {
  try {
    await start(rules, options);
  } catch (error) {
    fail(explainSystemError(error));
  }
}

async function start(rulesAt: string, options: ServeOptions): Promise<void> {
  const state = { failure: undefined as string | undefined, draining: false };
  const store = await openStore(rulesAt);
  const source = await openRules(store, {
    watch: options.watch,
    poll: options.poll * 1000,
    cache: options.cache,
    history: historyOf(rulesAt, options),
    onReload(rules, revision) {
      state.failure = undefined;
      announce(options.log, 'rules reloaded', { revision, rules: rules.rules.length });
      warn(rules);
    },
    onError(error) {
      state.failure = isRuleError(error) ? error.issues.map(formatIssue).join('\n') : error.message;
      complain(state.failure, `turnout: ${store.name} is not usable; the rules of before still serve.`);
    },
    onKeepError: (error) => complain(`turnout: ${error.message}`),
  });
  const counts = options.admin ? createUpstreamCounts(() => source.current) : undefined;
  const log = { onResponse: createAccessLog(options.log), ...createGatewayLog(options.log) };
  const handler = toNodeHandler(source, {
    trustProxy: options.trustProxy,
    publicOrigin: options.publicOrigin,
    tokenKey: process.env[TOKEN_KEY],
    ...(counts ? joinHooks(counts, log) : log),
  });
  const server = createServer(
    { headersTimeout: 10_000, requestTimeout: 60_000, connectionsCheckingInterval: 1000 },
    (request, response) => {
      if (state.draining) response.setHeader('connection', 'close');
      handler(request, response);
    },
  );
  const { admin } = options;
  const adminServer = counts
    ? createAdmin(() => ({
        ...state,
        name: store.name,
        revision: source.revision,
        rules: source.current.rules.length,
        source: source.state,
        counts,
      }))
    : undefined;
  const address = await listenAll([adminServer, admin || options], [server, options]);
  warn(source.current);
  print(
    ...describeRules(source.current, address),
    ...explainTokenKey(source.current),
    '',
    `turnout ready at ${address}${adminServer ? `, admin at ${addressOf(adminServer)}` : ''}, ${count(source.current.rules.length, 'rule')}, revision ${source.revision}${source.state.from === 'copy' ? ', from the copy' : ''}`,
  );
  const { drainDelay: delay, grace } = options;
  drain(server, {
    delay,
    grace,
    onSignal() {
      state.draining = true;
      if (delay > 0) complain(`turnout: not ready any more, requests are taken for ${delay} seconds.`);
    },
    onClose() {
      source.close();
      complain('turnout: finishing what is under way.');
    },
    onEnd: () => adminServer?.close(),
  });
}

function warn(rules: RuleSet): void {
  for (const issue of rules.warnings) complain(`${formatIssue(issue)} (warning)`);
}

function explainTokenKey({ rules }: RuleSet): readonly string[] {
  const needed = rules.some((rule) => rule.upstreams.some(({ delegated }) => delegated));
  return needed && process.env[TOKEN_KEY] === undefined
    ? [`tokens for clients end with this process; set ${TOKEN_KEY} to share them among instances`]
    : [];
}

/** A line of the program's own among those of requests. */
function announce(format: LogFormat, message: string, data: Readonly<Record<string, unknown>>): void {
  if (format === 'json') print(JSON.stringify({ time: new Date().toISOString(), msg: message, ...data }));
  else
    print(
      `${message}: ${Object.entries(data)
        .map(([name, value]) => `${name} ${value}`)
        .join(', ')}`,
    );
}

/** Listens with every server, or with none, since one of them would keep the program from ending; tells the last's address. */
async function listenAll(...servers: readonly (readonly [Server | undefined, Address])[]): Promise<string> {
  let last = '';
  try {
    for (const [server, address] of servers) if (server) last = await listen(server, address);
  } catch (error) {
    for (const [server] of servers) server?.close();
    throw error;
  }
  return last;
}

function listen(server: Server, { host, port }: Address): Promise<string> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      server.on('error', (error) => complain(`turnout: ${error.message}`));
      resolve(addressOf(server));
    });
  });
}

function addressOf(server: Server): string {
  const { address, family, port } = server.address() as AddressInfo;
  return `http://${family === 'IPv6' ? `[${address}]` : address}:${port}`;
}

function explainSystemError(error: unknown): unknown {
  const { code, address, port } = error as { code?: string; address?: string; port?: number };
  if (code === 'EADDRINUSE')
    return new Error(
      `${address}:${port} is taken by another program; choose another with --port or --admin.`,
    );
  if (code === 'EACCES')
    return new Error(`you may not listen on ${address}:${port}; choose a port above 1023 with --port.`);
  if (code === 'EADDRNOTAVAIL')
    return new Error(`${address} is no address of this machine; choose another with --host or --admin.`);
  return error;
}

function readPort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65_535)
    throw new InvalidArgumentError('A port is a number from 0 to 65535.');
  return port;
}

function readPoll(text: string): number {
  const seconds = readSeconds(text);
  if (seconds < 0.1 || seconds > 86_400) throw new InvalidArgumentError('Write 0.1 seconds or more.');
  return seconds;
}

function readSeconds(text: string): number {
  if (!/^\d+(?:\.\d+)?$/.test(text)) throw new InvalidArgumentError('Write a number of seconds.');
  return Number(text);
}

function readAddress(text: string): Address | false {
  // Commander takes `undefined` for an empty text.
  if (text === 'off') return false;
  const [, host = '127.0.0.1', port] = /^(?:(.*):)?(\d+)$/.exec(text) ?? [];
  if (port === undefined) throw new InvalidArgumentError('Write host:port, a port, or off.');
  return { host: host.replace(/^\[(.*)\]$/, '$1'), port: readPort(port) };
}

function readNetworks(text: string): readonly string[] {
  return text.split(',').map((network) => network.trim());
}
