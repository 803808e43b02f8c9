import { expect, test } from 'vitest';

import { type Rule, rule } from '../../src/core/rule.ts';
import { pyindex } from '../../src/protocols/pyindex.ts';
import { ask } from './client.ts';
import { serve } from './serving.ts';
import { startUpstream } from './upstream.ts';

test('no upstream is asked for a file that has an address of its own', async () => {
  const upstream = await startUpstream((_, response) => void response.writeHead(404).end());
  const url = 'https://elsewhere.example/a-1.zip';
  const files = [{ project: 'a', filename: 'a-1.zip', url }];
  const to = [upstream.origin, 'http://127.0.0.1:9'];
  const { origin } = await serve([
    rule(pyindex, { to, check: true, options: { files } }),
  ] as unknown as readonly Rule[]);
  const { status, headers } = await ask(origin, '/simple/a/a-1.zip');
  expect([status, headers.location, upstream.requests.length]).toEqual([302, url, 0]);
});
