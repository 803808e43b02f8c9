// Serves the rule file beside this one, with the npm registry that this machine's npm is configured with.
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const registry = execFileSync('npm', ['config', 'get', 'registry'], {
  encoding: 'utf8',
  stdio: ['ignore', 'pipe', 'ignore'],
  shell: process.platform === 'win32',
});
process.env.NPM_REGISTRY = registry.trim().replace(/\/$/, '');
process.argv.splice(2, 0, 'serve', fileURLToPath(new URL('turnout.yaml', import.meta.url)));
await import('../../dist/cli/turnout.js');
