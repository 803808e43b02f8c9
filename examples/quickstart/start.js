// Serves the rule file beside this one, with the npm registry that this machine's npm is configured with.
import { execFileSync, spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const path = (relative) => fileURLToPath(new URL(relative, import.meta.url));
const registry = execFileSync('npm', ['config', 'get', 'registry'], {
  encoding: 'utf8',
  shell: process.platform === 'win32',
});

const server = spawn(
  process.execPath,
  [path('../../dist/cli/turnout.js'), 'serve', path('turnout.yaml'), ...process.argv.slice(2)],
  { stdio: 'inherit', env: { ...process.env, NPM_REGISTRY: registry.trim().replace(/\/$/, '') } },
);
// The terminal sends its signals to both; a supervisor only to this one.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => server.kill(signal));
server.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)));
