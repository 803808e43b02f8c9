import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, expect, test } from 'vitest';

import type { Message } from '../../src/core/protocol.ts';
import { rule } from '../../src/core/rule.ts';
import { type PypiResource, pypi } from '../../src/protocols/pypi.ts';
import { ask } from '../gateway/client.ts';
import { serve } from '../gateway/serving.ts';
import { startUpstream, unusedOrigin } from '../gateway/upstream.ts';
import {
  contextOf,
  type ProtocolCase,
  parsePurl,
  showDelivery,
  testProtocol,
  upstreamOf,
} from './test-protocol.ts';

type Case = ProtocolCase<PypiResource>;

const none = (title: string, path: string, method = 'GET'): Case => ({
  title,
  method,
  path,
  resource: undefined,
});
const alias = (title: string, path: string, project?: string): Case => ({
  title,
  path,
  resource: { type: 'alias', path, ...(project !== undefined && { project }) },
});
const file = (title: string, name: string, side?: 'metadata' | 'asc' | 'provenance'): Case => ({
  title,
  path: `/files/acme-cli/${name}${side ? `.${side}` : ''}`,
  resource: { type: 'file', project: 'acme-cli', file: name, ...(side && { side }) },
});
const wheel = 'acme_cli-1.0-py3-none-any.whl';
const sdist = 'acme_cli-1.0.tar.gz';

testProtocol(pypi, [
  { title: 'all projects', path: '/simple/', resource: { type: 'root' } },
  { title: 'a project', path: '/simple/acme-cli/', resource: { type: 'page', project: 'acme-cli' } },
  {
    title: 'a project by HEAD',
    method: 'HEAD',
    path: '/simple/a/',
    resource: { type: 'page', project: 'a' },
  },
  alias('all projects without the slash', '/simple'),
  alias('a project without the slash', '/simple/acme-cli', 'acme-cli'),
  alias('a project in another spelling', '/simple/Acme__.CLI/', 'acme-cli'),
  alias('a project in another spelling without the slash', '/simple/Acme_CLI', 'acme-cli'),
  file('a wheel', wheel),
  file('a source distribution', sdist),
  file('a version with an epoch, of a local build', 'acme_cli-1!2.0+cu12-1-cp312-cp312-linux_x86_64.whl'),
  file('metadata', wheel, 'metadata'),
  file('a signature', sdist, 'asc'),
  file('a provenance', wheel, 'provenance'),
  {
    title: 'a file in other letters',
    path: '/files/acme-cli/acme_cli-1.0%2Bcu12-py3-none-any.whl',
    canonical: '/files/acme-cli/acme_cli-1.0+cu12-py3-none-any.whl',
    resource: { type: 'file', project: 'acme-cli', file: 'acme_cli-1.0+cu12-py3-none-any.whl' },
  },
  {
    title: 'what is known of a project',
    path: '/pypi/Acme_CLI/json',
    resource: { type: 'description', name: 'Acme_CLI' },
  },
  {
    title: 'what is known of a version',
    path: '/pypi/acme-cli/1.0+x/json',
    resource: { type: 'description', name: 'acme-cli', version: '1.0+x' },
  },
  { title: 'an upload', method: 'POST', path: '/legacy/', resource: { type: 'upload' } },

  none('the root', '/'),
  none('a name that starts with a dot', '/simple/.acme/'),
  none('a name that ends in a hyphen', '/simple/acme-/'),
  none('a name in two parts', '/simple/acme/cli/'),
  none('no name', '/simple//'),
  none('two slashes', '/simple/acme//'),
  none('an encoded slash', '/simple/acme%2fcli/'),
  none('another start', '/simpler/acme/'),
  none('files of no project', '/files/acme.tar.gz'),
  none('files of a project in another spelling', `/files/acme_cli/${wheel}`),
  none('a file of another kind', '/files/acme-cli/readme.html'),
  none('a file in a folder', '/files/acme-cli/a/b.whl'),
  none('a file with an encoded slash', '/files/acme-cli/a%2fb.whl'),
  none('a file with an encoding that is none', '/files/acme-cli/a%ffb.whl'),
  none('a hidden file', '/files/acme-cli/.whl'),
  none('a page about a project', '/project/acme-cli/'),
  none('a description of no project', '/pypi/json'),
  none('a description of a dot segment', '/pypi/acme-cli/../json'),
  none('an upload elsewhere', '/simple/', 'POST'),
]);

test.each<[resource: PypiResource, subject: string | undefined, shown: string]>([
  [{ type: 'root' }, undefined, 'carried'],
  [{ type: 'page', project: 'acme-cli' }, 'acme-cli', 'carried'],
  [{ type: 'alias', path: '/simple/Acme_CLI', project: 'acme-cli' }, 'acme-cli', '302 answered'],
  [{ type: 'file', project: 'acme-cli', file: wheel }, 'acme-cli', 'carried'],
  [{ type: 'description', name: 'Acme_CLI' }, 'acme-cli', 'carried'],
  [{ type: 'upload' }, undefined, '405 answered'],
])('%j is matched as %s and delivered: %s', (resource, subject, shown) => {
  expect(pypi.subject(resource)).toBe(subject);
  for (const mode of ['auto', 'redirect', 'proxy'] as const)
    expect(showDelivery(pypi.deliver(resource, contextOf(mode, upstreamOf('https://pypi.org'))))).toBe(shown);
});

describe('a package URL', () => {
  test.each<[file: string, purl: string, project?: string]>([
    [wheel, 'pkg:pypi/acme-cli@1.0'],
    ['acme_cli-1!2.0+cu12-1-cp312-cp312-linux_x86_64.whl', 'pkg:pypi/acme-cli@1!2.0%2Bcu12'],
    [sdist, 'pkg:pypi/acme-cli@1.0'],
    ['acme-cli-1.0-rc1.zip', 'pkg:pypi/acme-cli@1.0-rc1'],
    ['Acme.CLI-1.0.tar.bz2', 'pkg:pypi/acme-cli@1.0'],
    ['other-1.0.tar.gz', 'pkg:pypi/acme-cli'],
    ['acme_cli.whl', 'pkg:pypi/acme-cli'],
    ['acme_cli-1.0.win32.exe', 'pkg:pypi/acme-cli'],
  ])('of %s: %s', (name, purl) => {
    const found = pypi.purl?.({ type: 'file', project: 'acme-cli', file: name }, '');
    expect(found).toBe(purl);
    expect(parsePurl(purl).name).toBe('acme-cli');
  });

  test('is that of a file, and of nothing beside it', () => {
    const resource = { type: 'file', project: 'acme-cli', file: wheel, side: 'metadata' } as const;
    expect(pypi.purl?.(resource, '')).toBeUndefined();
    expect(pypi.purl?.({ type: 'page', project: 'acme-cli' }, '')).toBeUndefined();
  });
});

test('what is answered at once is never carried', async () => {
  const context = contextOf('auto', upstreamOf('https://pypi.org'));
  expect(await pypi.carry?.({ type: 'upload' }, context, {} as never)).toMatchObject({ status: 404 });
});

test('where files are is known of the public indexes', () => {
  const hosts = ['pypi.org', 'test.pypi.org', 'pypi.example'].map((host) =>
    pypi.leadsTo?.(upstreamOf(`https://${host}`)),
  );
  expect(hosts).toEqual([['files.pythonhosted.org'], ['test-files.pythonhosted.org'], []]);
});

async function rewrite(
  text: string,
  type: string,
  {
    size = 7,
    resource = { type: 'page', project: 'acme-cli' } as PypiResource,
    vary = '',
    url = 'https://pypi.example/r/simple/acme-cli/',
    accept = '*/*',
  } = {},
): Promise<{ text: string; headers: Message['headers'] }> {
  const bytes = Buffer.from(text, 'latin1');
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size);
  }
  const message = pypi.rewrite?.(
    resource,
    {
      url,
      headers: { 'content-type': type, ...(vary !== '' && { vary }) },
      body: chunks(),
    },
    {
      ...contextOf('auto', upstreamOf('https://pypi.example')),
      publicUrl: 'https://get.acme.example/py',
      accept,
    },
  );
  const parts: Uint8Array[] = [];
  for await (const part of message?.body ?? []) parts.push(part);
  return { text: Buffer.concat(parts).toString('latin1'), headers: message?.headers ?? {} };
}

const HTML = 'text/html; charset=utf-8';
const JSON_TYPE = 'application/vnd.pypi.simple.v1+json';
const here = `../../files/acme-cli/${wheel}`;
const provenanceHere = `https://get.acme.example/py/files/acme-cli/${wheel}.provenance`;
const utf8 = Buffer.from('überall 😀').toString('latin1');

describe('a page in HTML', () => {
  const page = (link: string, other: string) => `<!DOCTYPE html>
<html>
  <head><meta name="pypi:repository-version" content="1.3"><title>Links for <a href="${wheel}"></title></head>
  <!-- <a href="${wheel}">${'-'.repeat(90)} -->
  <body>
    <script>"<a href='${wheel}'>"</script><h1>${utf8} \xff</h1>
    <A HREF="${link}#sha256=0af1" data-requires-python="&gt;=3.8, &lt;4" data-core-metadata="sha256=1" >${wheel}</A><br/>
    <a data-x='>' href='${other}' data-yanked>x</a>
    <img href="${wheel}"><a name="href">
  </body>
</html><a href="`;

  test.each([1, 7, 64, 100_000])('has its files here, in pieces of %i bytes', async (size) => {
    const before = page(`https://files.example/ab/cd/${wheel}`, '/about');
    const { text } = await rewrite(before, HTML, { size });
    expect(text).toBe(page(here, '/about'));
  });

  test.each<[title: string, before: string, after: string]>([
    ['relative', `<a href="../../packages/${wheel}">`, `<a href="${here}">`],
    ['beside the page', `<a href="${wheel}">`, `<a href="${here}">`],
    ['of a host', `<a href="/x/${wheel}">`, `<a href="${here}">`],
    ['with a query', `<a href="${wheel}?a=1&amp;b=2#sha256=0">`, `<a href="${here}#sha256=0">`],
    ['without quotes', `<a href=${wheel} x>`, `<a href="${here}" x>`],
    ['in single quotes', `<a  href = '${wheel}'>`, `<a  href="${here}">`],
    ['with white space', `<a href=" ${wheel}\n">`, `<a href="${here}">`],
    ['with entities', `<a href="x&#47;${wheel.replace('-', '&#x2d;')}">`, `<a href="${here}">`],
    [
      'with a local version',
      '<a href="acme_cli-1.0%2Bcu12-py3-none-any.whl">',
      '<a href="../../files/acme-cli/acme_cli-1.0+cu12-py3-none-any.whl">',
    ],
    ['with signs in its fragment', `<a href="${wheel}#a&amp;b=&quot;">`, `<a href="${here}#a&amp;b=%22">`],
    [
      'with a provenance',
      `<a href="${wheel}" data-provenance="https://pypi.example/integrity/acme-cli/1.0/${wheel}/provenance">`,
      `<a href="${here}" data-provenance="${provenanceHere}">`,
    ],
    ['that is none', '<a href="https://acme.example/" rel="homepage">', ''],
    ['of another kind', '<a href="../">', ''],
    ['of a hidden file', '<a href="/.whl">', ''],
    ['that cannot be read', '<a href="http://[/x.whl">', ''],
    ['that is encoded badly', '<a href="x%ff.whl">', ''],
    ['without a value', '<a href>', ''],
    ['of another element', `<area href="${wheel}">`, ''],
    ['of no end', `<a href="${wheel}`, ''],
  ])('with a link %s', async (_, before, after) => {
    expect((await rewrite(before, HTML)).text).toBe(after === '' ? before : after);
  });

  test('with a base, against which links are resolved, and which goes', async () => {
    const before = `<base target=x href="https://files.example/a/"><base href='/b/'><a href="${wheel}">`;
    const { text } = await rewrite(before, HTML);
    expect(text).toBe(`<base target=x ><base ><a href="${here}">`);
  });

  test('with an attribute or a name that is longer than any passes as it is', async () => {
    const long = 'x'.repeat(200_000);
    for (const before of [
      `<a href="${long}.whl"><a href="x">`,
      `<${long}a href="${wheel}"`,
      `<a ${long}href="${wheel}">`,
    ])
      expect((await rewrite(before, HTML, { size: 9_999 })).text).toBe(before);
  });

  test('is told apart from the other form by caches', async () => {
    expect((await rewrite('', HTML)).headers.vary).toBe('accept');
    expect((await rewrite('', HTML, { vary: 'accept-encoding' })).headers.vary).toBe(
      'accept-encoding, accept',
    );
    expect((await rewrite('', HTML, { vary: 'Accept, X' })).headers.vary).toBe('Accept, X');
  });
});

describe('the list of all projects', () => {
  const root = { type: 'root' } as const;
  const url = 'https://pypi.example/r/simple/';

  test.each<[title: string, before: string, after: string]>([
    ['relative', '<a href="acme-cli/">', '<a href="acme-cli/">'],
    ['relative, without the slash', '<a href="acme-cli">', '<a href="acme-cli/">'],
    ['of a host', '<a href="/r/simple/acme-cli/">', '<a href="acme-cli/">'],
    ['in another spelling', '<a href="Acme_CLI/">', '<a href="acme-cli/">'],
    ['absolute', `<a href="${url}acme-cli/">`, '<a href="acme-cli/">'],
    ['with a base', '<base href="/r/simple/"><a href="acme-cli/">', '<base ><a href="acme-cli/">'],
    ['to what is above', '<a href="../">', '<a href="../">'],
    ['to itself in another order', '<a href="?C=N">', '<a href="?C=N">'],
    ['to another host', '<a href="https://acme.example/x/">', '<a href="https://acme.example/x/">'],
    ['further down', '<a href="a/b/">', '<a href="a/b/">'],
    ['to no project', '<a href=".hidden/">', '<a href=".hidden/">'],
  ])('has its pages here: a link %s', async (_, before, after) => {
    const { text, headers } = await rewrite(before, HTML, { resource: root, url });
    expect(text).toBe(after);
    expect(headers.vary).toBe('accept');
  });

  test('in JSON has none', async () => {
    const before = '{"meta":{"api-version":"1.0"},"projects":[{"name":"Acme_CLI"}]}';
    expect((await rewrite(before, JSON_TYPE, { resource: root, url })).text).toBe(before);
  });
});

describe('a page in JSON', () => {
  const page = (url: string, provenance: string) =>
    `{"meta":{"api-version":"1.3", "url":"x.whl"},"name":"acme-cli","files" : [ {"filename":"${wheel}","url":"${url}", "hashes":{"sha256":"0", "url":"x.whl"},"core-metadata":{"sha256":"1"},"size": 1.0e3,"yanked":false,"provenance":${provenance}}, {"url":7} ],"versions":["1.0"]}`;
  const { origin } = new URL('https://pypi.example');

  test.each([1, 7, 100_000])('has its files here, in pieces of %i bytes', async (size) => {
    const integrity = `"${origin}/integrity/acme-cli/1.0/${wheel}/provenance"`;
    const before = page(`https://files.example/ab/${wheel}`, integrity);
    expect((await rewrite(before, JSON_TYPE, { size })).text).toBe(page(here, `"${provenanceHere}"`));
  });

  test.each<[title: string, before: string, after: string]>([
    ['relative', `../../packages/${wheel}`, here],
    ['with a fragment', `/${wheel}#sha256=0`, `${here}#sha256=0`],
    ['of no file', 'https://acme.example/x', 'https://acme.example/x'],
    ['of no file, relative', '../x', 'https://pypi.example/r/simple/x'],
    ['that cannot be read', 'http://[', 'http://['],
  ])('with an address %s', async (_, before, after) => {
    expect((await rewrite(page(before, 'null'), JSON_TYPE)).text).toBe(page(after, 'null'));
  });

  test('with a provenance beside the file, or of nothing', async () => {
    const beside = await rewrite(page(wheel, `"/x/${wheel}.provenance"`), JSON_TYPE);
    expect(beside.text).toBe(page(here, `"${provenanceHere}"`));
    const other = await rewrite(page(wheel, '"/x"'), JSON_TYPE);
    expect(other.text).toBe(page(here, '"https://pypi.example/x"'));
  });
});

describe('a client that reads HTML alone', () => {
  const integrity = `https://pypi.example/integrity/acme-cli/1.0/${wheel}/provenance`;
  const page = {
    meta: { 'api-version': '1.3' },
    files: [
      {
        filename: wheel,
        url: `https://files.example/ab/${wheel}`,
        hashes: { md5: '1', sha256: '0af1' },
        'requires-python': '>=3.8,<4',
        'core-metadata': { sha256: '2' },
        provenance: integrity,
        yanked: false,
      },
      { filename: sdist, url: `../../${sdist}`, hashes: {}, yanked: 'a "bad" one', 'gpg-sig': true },
      { filename: 'nowhere.zip' },
      'none',
    ],
    versions: ['1.0'],
  };

  test.each([1, 7, 100_000])('gets a page of JSON as HTML, in pieces of %i bytes', async (size) => {
    const options = { size, accept: 'text/html' };
    const { text, headers } = await rewrite(JSON.stringify(page), JSON_TYPE, options);
    expect(headers).toEqual({ 'content-type': HTML, vary: 'accept' });
    expect(text).toBe(`<!DOCTYPE html>
<html>
  <head>
    <meta name="pypi:repository-version" content="1.1">
    <title>Links for acme-cli</title>
  </head>
  <body>
    <a href="${here}#sha256=0af1" data-requires-python="&gt;=3.8,&lt;4" data-core-metadata="sha256=2" data-dist-info-metadata="sha256=2" data-provenance="${provenanceHere}">${wheel}</a><br/>
    <a href="../../files/acme-cli/${sdist}" data-yanked="a &quot;bad&quot; one" data-gpg-sig="true">${sdist}</a><br/>
  </body>
</html>
`);
  });

  test('gets a page of no files too', async () => {
    const { text } = await rewrite('{"files":[]}', JSON_TYPE, { accept: 'text/html' });
    expect(text).toMatch(/<body>\n {2}<\/body>/);
  });

  test('gets HTML under the type that it reads', async () => {
    const type = 'application/vnd.pypi.simple.v1+html; charset=utf-8';
    const { text, headers } = await rewrite(`<a href="${wheel}">`, type, { accept: 'text/html' });
    expect([text, headers['content-type']]).toEqual([`<a href="${here}">`, HTML]);
    const untyped = await rewrite('x', 'text/plain', { accept: 'text/html' });
    expect(untyped).toMatchObject({ text: 'x', headers: { 'content-type': 'text/plain' } });
  });

  test.each([
    ['reads JSON', `${JSON_TYPE}, text/html;q=0.1`],
    ['reads the latest', 'application/vnd.pypi.simple.latest+json, text/html;q=0.1'],
    ['reads anything', 'text/html, */*;q=0.1'],
    ['does not read HTML', 'application/xml'],
  ])('is not one that %s', async (_, accept) => {
    const { text, headers } = await rewrite('{"files":[]}', JSON_TYPE, { accept });
    expect([text, headers['content-type']]).toEqual(['{"files":[]}', JSON_TYPE]);
  });

  test('is known by what it asks for', async () => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(200, { 'content-type': JSON_TYPE }).end(JSON.stringify(page));
    });
    const gateway = await serve([rule(pypi, { to: upstream.origin })]);
    for (const [accept, type] of [
      ['text/html', HTML],
      ['*/*', JSON_TYPE],
    ]) {
      const headers = accept === undefined ? {} : { accept };
      const got = await ask(gateway.origin, '/simple/acme-cli/', { headers });
      expect([got.status, got.headers['content-type']]).toEqual([200, type]);
      expect(got.body).toContain(here);
    }
  });
});

test('a description has its files here', async () => {
  const wrap = (url: string) =>
    `{"info":{"url":"${wheel}"},"releases":{"1.0":[{"url":"${url}"}]}, "urls":[{"url":"${url}"},{"url":"https://x.example/"}]}`;
  const resource: PypiResource = { type: 'description', name: 'Acme_CLI' };
  const { text } = await rewrite(wrap(`https://files.example/${wheel}`), 'application/json', { resource });
  expect(text).toBe(wrap(`https://get.acme.example/py/files/acme-cli/${wheel}`));
});

test.each([
  ['a page of another type', 'text/plain', { type: 'page', project: 'acme-cli' }],
  ['a description of another type', HTML, { type: 'description', name: 'acme-cli' }],
  ['a file', HTML, { type: 'file', project: 'acme-cli', file: wheel }],
] as const)('%s passes as it is', async (_, type, resource) => {
  const before = `<a href="${wheel}">{"files":[{"url":"${wheel}"}]}`;
  expect((await rewrite(before, type, { resource })).text).toBe(before);
});

describe('an index', () => {
  /** A page with one link, in HTML; or the status with which there is none. */
  async function front(
    page: string | number,
    { base = '/r', auth, mode, type = HTML }: { base?: string; auth?: string; mode?: 'proxy'; type?: string },
  ) {
    const state = { page };
    const answer = (request: IncomingMessage, response: ServerResponse): void => {
      const denied = auth && request.headers.authorization !== `Bearer ${auth}`;
      if (denied) response.writeHead(401).end();
      else if (!request.url?.endsWith('/acme-cli/')) response.end(`bytes of ${request.url}`);
      else if (typeof state.page === 'number') response.writeHead(state.page).end();
      else response.writeHead(200, { 'content-type': type }).end(state.page);
    };
    const upstream = await startUpstream(answer);
    const config = { ...(auth && { auth: { token: auth } }), ...(mode && { mode }) };
    const gateway = await serve([rule(pypi, { at: '/py/', to: upstream.origin + base, ...config })]);
    return { upstream, gateway, state };
  }
  const path = `/py/files/acme-cli/${wheel}`;

  test.each<[base: string, page: string, description: string]>([
    ['', '/simple/acme-cli/', '/pypi/acme-cli/json'],
    ['/r/', '/r/simple/acme-cli/', '/r/pypi/acme-cli/json'],
    ['/simple', '/simple/acme-cli/', '/pypi/acme-cli/json'],
    ['/api/pypi/x/simple/', '/api/pypi/x/simple/acme-cli/', '/api/pypi/x/pypi/acme-cli/json'],
    ['/root/dev/\\+simple', '/root/dev/+simple/acme-cli/', '/root/dev/pypi/acme-cli/json'],
    ['/not-simple', '/not-simple/simple/acme-cli/', '/not-simple/pypi/acme-cli/json'],
  ])('at `%s` has the page at %s', async (base, page, description) => {
    const { gateway, upstream } = await front(`<a href="${wheel}">`, { base });
    const got = await ask(gateway.origin, '/py/simple/acme-cli/');
    expect(got).toMatchObject({ status: 200, body: `<a href="${here}">` });
    expect(got.headers).toMatchObject({ 'content-type': HTML, vary: expect.stringContaining('accept') });
    expect(await ask(gateway.origin, path)).toMatchObject({
      status: 302,
      headers: { location: `${upstream.origin}${page}${wheel}` },
    });
    await ask(gateway.origin, '/py/pypi/acme-cli/json');
    await ask(gateway.origin, '/py/simple/');
    expect(upstream.paths).toEqual([page, page, description, page.replace('acme-cli/', '')]);
  });

  test('is asked for the form that the client wants', async () => {
    const { gateway, upstream } = await front(JSON.stringify({ files: [{ url: wheel }] }), {
      type: JSON_TYPE,
    });
    const headers = { accept: `${JSON_TYPE}, text/html;q=0.1` };
    const { body } = await ask(gateway.origin, '/py/simple/acme-cli/', { headers });
    expect(body).toBe(JSON.stringify({ files: [{ url: here }] }));
    expect(upstream.requests[0]?.headers.accept).toBe(headers.accept);
  });

  test.each([
    ['/py/simple/Acme_CLI/', '/py/simple/acme-cli/'],
    ['/py/simple/acme-cli', '/py/simple/acme-cli/'],
    ['/py/simple', '/py/simple/'],
  ])('has one address for each page: %s is %s', async (asked, location) => {
    const { gateway, upstream } = await front(404, {});
    expect(await ask(gateway.origin, asked)).toMatchObject({
      status: 302,
      headers: { location: gateway.origin + location },
    });
    expect(upstream.paths).toEqual([]);
  });

  const files = [
    `<base href="https://files.example/x/"><a href="${wheel}?sig=%2f#sha256=0">`,
    `<a href="other/${wheel}"><a href="${sdist}" data-provenance="/integrity/acme-cli/1.0/${sdist}/provenance">`,
  ].join('');

  test.each([
    [wheel, `https://files.example/x/${wheel}?sig=%2f`],
    [`${wheel}.metadata`, `https://files.example/x/${wheel}.metadata?sig=%2f`],
    [`${wheel}.asc`, `https://files.example/x/${wheel}.asc?sig=%2f`],
    [sdist, `https://files.example/x/${sdist}`],
    [`${sdist}.metadata`, `https://files.example/x/${sdist}.metadata`],
    [`${sdist}.asc`, `https://files.example/x/${sdist}.asc`],
    [`${sdist}.provenance`, `https://files.example/integrity/acme-cli/1.0/${sdist}/provenance`],
  ])('has %s where its page says', async (name, location) => {
    const { gateway, upstream } = await front(files, {});
    for (let count = 0; count < 2; count++)
      expect(await ask(gateway.origin, `/py/files/acme-cli/${name}`)).toMatchObject({
        status: 302,
        headers: { location },
      });
    expect(upstream.paths).toEqual(['/r/simple/acme-cli/']);
  });

  test('in JSON is read too', async () => {
    const page = { files: [{ url: `/a/${wheel}#x`, provenance: `/b/${wheel}/provenance` }, { url: '/c' }] };
    const { gateway, upstream } = await front(JSON.stringify(page), { type: JSON_TYPE });
    for (const [asked, location] of [
      [path, `/a/${wheel}`],
      [`${path}.provenance`, `/b/${wheel}/provenance`],
    ])
      expect(await ask(gateway.origin, asked ?? '')).toMatchObject({
        status: 302,
        headers: { location: upstream.origin + location },
      });
  });

  test('is asked again when a file is not in the page that is kept, and not at once again', async () => {
    const { gateway, upstream, state } = await front(`<a href="${sdist}">`, {});
    expect(await ask(gateway.origin, `/py/files/acme-cli/${sdist}`)).toMatchObject({ status: 302 });
    state.page = `<a href="${wheel}">`;
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 302 });
    expect(upstream.paths).toHaveLength(2);
    for (let count = 0; count < 3; count++)
      expect(await ask(gateway.origin, '/py/files/acme-cli/acme_cli-9.zip')).toMatchObject({
        status: 404,
        body: 'The index has no file acme_cli-9.zip of acme-cli.\n',
      });
    expect(upstream.paths).toHaveLength(2);
  });

  test.each([
    [404, 404],
    [410, 404],
    [401, 401],
    [403, 403],
    [204, 502],
    [500, 502],
  ])('that answers %i for a page: %i for a file', async (status, answered) => {
    const { gateway, state } = await front(status, {});
    expect(await ask(gateway.origin, path)).toMatchObject({
      status: answered,
      headers: { 'content-type': 'text/plain; charset=utf-8' },
    });
    state.page = `<a href="${wheel}">`;
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 302 });
  });

  test.each([
    [404, 404, 'The upstream does not have this.\n'],
    [403, 403, 'The upstream refuses this.\n'],
    [500, 502, 'The upstream gives no usable answer.\n'],
    [503, 503, 'The upstream is out of service for now.\n'],
  ])('that answers %i for a page with a page of its own: %i', async (status, answered, body) => {
    const upstream = await startUpstream((_, response) => {
      response.writeHead(status, { 'content-type': HTML }).end('<h1>Sorry</h1>');
    });
    const gateway = await serve([rule(pypi, { to: upstream.origin })]);
    for (const asked of ['/simple/', '/simple/acme-cli/', '/pypi/acme-cli/json']) {
      const got = await ask(gateway.origin, asked);
      expect(got).toMatchObject({ status: answered, body });
      expect(got.headers['retry-after'] !== undefined).toBe(answered >= 500);
    }
  });

  test('whose page is none is at fault', async () => {
    const { gateway } = await front(`<a href="${wheel}">`, { type: 'text/plain' });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 502 });
  });

  test('whose page is longer than any is at fault', async () => {
    const { gateway } = await front(' '.repeat(65 * 1_048_576), { type: JSON_TYPE });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 502 });
  });

  test('leads nowhere with a credential in an address', async () => {
    const { gateway } = await front(`<a href="https://user:secret@files.example/${wheel}">`, {});
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 502 });
  });

  test('that is private serves with the credential of the rule, and to its own origin alone', async () => {
    const links = `<a href="/f/${wheel}"><a href="https://files.example/${sdist}">`;
    const { gateway, upstream } = await front(links, { auth: 't' });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200, body: `bytes of /f/${wheel}` });
    expect(await ask(gateway.origin, `/py/files/acme-cli/${sdist}`)).toMatchObject({ status: 302 });
    expect(upstream.requests.every(({ headers }) => headers.authorization === 'Bearer t')).toBe(true);
  });

  test('that wants the client’s own credential asks for a name and a password', async () => {
    const upstream = await startUpstream(({ headers, url }, response) => {
      if (headers.authorization !== 'Basic dTpw') response.writeHead(401).end();
      else response.writeHead(200, { 'content-type': HTML }).end(`<a href="${wheel}">${url}`);
    });
    const gateway = await serve([rule(pypi, { to: upstream.origin, auth: 'client' })]);
    for (const asked of ['/simple/acme-cli/', `/files/acme-cli/${wheel}`]) {
      expect(await ask(gateway.origin, asked)).toMatchObject({
        status: 401,
        headers: { 'www-authenticate': `Basic realm="${gateway.origin}"` },
      });
      const headers = { authorization: 'Basic dTpw' };
      expect(await ask(gateway.origin, asked, { headers })).toMatchObject({ status: 200 });
    }
  });

  test('is proxied in mode `proxy`', async () => {
    const { gateway } = await front(`<a href="/f/${wheel}">`, { mode: 'proxy' });
    expect(await ask(gateway.origin, path)).toMatchObject({ status: 200, body: `bytes of /f/${wheel}` });
  });

  test('that is down is told of', async () => {
    const gateway = await serve([rule(pypi, { to: await unusedOrigin() })]);
    for (const asked of [`/files/acme-cli/${wheel}`, '/simple/acme-cli/', '/simple/', '/pypi/a/json']) {
      const { status, headers } = await ask(gateway.origin, asked);
      expect([502, 503]).toContain(status);
      expect(headers['retry-after']).toBeDefined();
    }
  });

  test('is asked for a page when the one before it is out of order', async () => {
    const broken = await startUpstream((_, response) => void response.writeHead(503).end());
    const whole = await startUpstream((_, response) => {
      response.writeHead(200, { 'content-type': HTML }).end(`<a href="${wheel}">`);
    });
    const to = [broken.origin, await unusedOrigin(), whole.origin];
    const gateway = await serve([rule(pypi, { to })]);
    expect(await ask(gateway.origin, '/simple/acme-cli/')).toMatchObject({ body: `<a href="${here}">` });
    expect(await ask(gateway.origin, `/files/acme-cli/${wheel}`)).toMatchObject({
      status: 302,
      headers: { location: `${whole.origin}/simple/acme-cli/${wheel}` },
    });
    const all = await serve([rule(pypi, { to: to.slice(0, 2) })]);
    expect(await ask(all.origin, '/simple/acme-cli/')).toMatchObject({ status: 502 });
  });

  test('answers alone for a name of its own, also when it has it not', async () => {
    const others = await startUpstream((_, response) => {
      response.writeHead(200, { 'content-type': HTML }).end(`<a href="${wheel}">`);
    });
    const own = await startUpstream((_, response) => void response.writeHead(404).end());
    const gateway = await serve([
      rule(pypi, { to: others.origin }),
      rule(pypi, { match: 'acme-*', to: own.origin }),
    ]);
    for (const asked of ['/simple/acme-cli/', `/files/acme-cli/${wheel}`])
      expect(await ask(gateway.origin, asked)).toMatchObject({ status: 404 });
    expect(await ask(gateway.origin, '/simple/other/')).toMatchObject({ status: 200 });
    expect(others.paths).toEqual(['/simple/other/']);
  });
});
