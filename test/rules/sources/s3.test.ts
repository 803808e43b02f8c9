import { Readable } from 'node:stream';
import { describe, expect, test, vi } from 'vitest';
import { type S3Client, s3Rules } from '../../../src/rules/sources/s3.ts';

const signal = new AbortController().signal;
const failure = (status: number, name: string) =>
  Object.assign(new Error('what S3 says.'), { name, $metadata: { httpStatusCode: status } });

/** A client that has one object. */
function fakeClient(text: string, etag: string | undefined = '"1"') {
  const put = vi.fn(async (_: object) => {});
  const client: S3Client = {
    async getObject({ IfNoneMatch }) {
      if (IfNoneMatch !== undefined && IfNoneMatch === etag) throw failure(304, '304');
      return { Body: Readable.from([Buffer.from(text)]), ContentLength: text.length, ETag: etag };
    },
    putObject: put,
    destroy() {},
  };
  return { client, put };
}

describe('the address', () => {
  test('is called by bucket and key', () => {
    expect(s3Rules('s3://acme/rules/turnout.yaml?endpoint=http://minio:9000').name).toBe(
      's3://acme/rules/turnout.yaml',
    );
  });

  test.each(['turnout.yaml', 's3://acme', 's3://acme/', 'https://acme/turnout.yaml'])(
    'cannot be %s',
    (address) => {
      expect(() => s3Rules(address)).toThrow('Write an address of S3');
    },
  );
});

describe('a look', () => {
  test('brings the text, and again only when it has changed', async () => {
    const store = s3Rules('s3://acme/turnout.yaml', fakeClient('text'));
    expect(await store.read({ signal })).toEqual({ text: 'text', version: '"1"' });
    expect(await store.read({ signal, known: '"1"' })).toBeUndefined();
    expect(await store.read({ signal, known: '"0"' })).toMatchObject({ text: 'text' });
    store.close();
    await expect(store.read({ signal })).rejects.toThrow('is closed');
  });

  test.each<readonly [string, unknown, string]>([
    [
      'refuses',
      failure(403, 'AccessDenied'),
      '`s3://acme/turnout.yaml` cannot be used: AccessDenied: what S3 says.',
    ],
    ['cannot be reached', new AggregateError([new Error('refused')]), 'cannot be used: refused.'],
  ])('at a server that %s says so', async (_, error, message) => {
    const client = { ...fakeClient('').client, getObject: () => Promise.reject(error) };
    await expect(s3Rules('s3://acme/turnout.yaml', { client }).read({ signal })).rejects.toThrow(message);
  });

  test('at an object that is too large reads none of it', async () => {
    const body = Readable.from([Buffer.from('text')]);
    const client = {
      ...fakeClient('').client,
      getObject: async () => ({ Body: body, ContentLength: 16 * 1024 * 1024 + 1 }),
    };
    await expect(s3Rules('s3://acme/turnout.yaml', { client }).read({ signal })).rejects.toThrow(
      'more than 16 MiB',
    );
    expect(body.destroyed).toBe(true);
  });
});

test('an object is replaced only if it is the expected one', async () => {
  const { client, put } = fakeClient('text');
  const store = s3Rules('s3://acme/turnout.yaml', { client });
  await store.write?.('new', 'text');
  expect(put.mock.calls[0]?.[0]).toMatchObject({
    Bucket: 'acme',
    Key: 'turnout.yaml',
    IfMatch: '"1"',
    Body: 'new',
  });
  await expect(store.write?.('new', 'other')).rejects.toThrow('has been changed meanwhile');
  put.mockRejectedValueOnce(failure(412, 'PreconditionFailed'));
  await expect(store.write?.('new', 'text')).rejects.toThrow('has been changed meanwhile');
});
