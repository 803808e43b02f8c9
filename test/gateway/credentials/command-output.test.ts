import { describe, expect, test } from 'vitest';
import { readCommandOutput } from '../../../src/gateway/credentials/command-output.ts';

const now = Date.UTC(2026, 0, 1);
const date = (text: string) => new Date(text);
const end = '2026-01-01T12:00:00.000Z';

/** What programs print, as their documentation or their source has it, and what it says. */
const outputs: readonly (readonly [name: string, output: unknown, credential: object, username?: string])[] =
  [
    ['a line of text', 'pa ss:word\r\n', { username: 'AWS', password: 'pa ss:word' }, 'AWS'],
    ['a line of text without a user', 't0ken\n', { token: 't0ken' }],
    ['a pair', { username: 'a', password: 'b' }, { username: 'a', password: 'b' }],
    ['a pair before the user that is known', { username: 'a', password: 'b' }, { username: 'a' }, 'c'],
    ['a password for the user that is known', { password: 'b' }, { username: 'c', password: 'b' }, 'c'],
    [
      'a pair with its end',
      { username: 'a', password: 'b', expiresAt: '2026-01-01T13:00:00+01:00' },
      { expiresAt: date(end) },
    ],
    [
      'a pair with its end in seconds since 1970',
      { username: 'a', password: 'b', expiresAt: now / 1000 + 0.5 },
      { expiresAt: new Date(now + 500) },
    ],
    [
      'a pair with its end in milliseconds since 1970',
      { username: 'a', password: 'b', expiresAt: now },
      { expiresAt: new Date(now) },
    ],
    ['a token with its life', { token: 't', expiresIn: 43_200 }, { token: 't', expiresAt: date(end) }],
    ['a token for a user', { token: 't' }, { username: 'c', password: 't' }, 'c'],
    ['a token with its user', { username: 'a', token: 't' }, { username: 'a', password: 't' }],
    [
      'a token endpoint',
      { access_token: 't', expires_in: '43200', token_type: 'Bearer' },
      { username: 'oauth2accesstoken', password: 't', expiresAt: date(end) },
      'oauth2accesstoken',
    ],
    [
      'a Docker credential helper',
      { ServerURL: 'registry.example', Username: 'a', Secret: 'b' },
      { username: 'a', password: 'b' },
    ],
    [
      'a Kubernetes credential plug-in',
      {
        apiVersion: 'client.authentication.k8s.io/v1',
        kind: 'ExecCredential',
        status: { token: 't', expirationTimestamp: '2026-01-01T12:00:00Z' },
      },
      { token: 't', expiresAt: date(end) },
    ],
    [
      'aws ecr get-authorization-token',
      {
        authorizationData: [
          {
            authorizationToken: btoa('AWS:pass:word'),
            expiresAt: '2026-01-01T12:00:00.652000+00:00',
            proxyEndpoint: 'https://123456789012.dkr.ecr.eu-central-1.amazonaws.com',
          },
        ],
      },
      { username: 'AWS', password: 'pass:word', expiresAt: date('2026-01-01T12:00:00.652Z') },
    ],
    [
      'aws ecr get-authorization-token, version 1',
      { authorizationData: [{ authorizationToken: btoa('AWS:p'), expiresAt: 1767268800.652 }] },
      { username: 'AWS', password: 'p', expiresAt: date('2026-01-01T12:00:00.652Z') },
    ],
    [
      'gcloud config config-helper --format=json',
      {
        configuration: { active_configuration: 'default', properties: { core: { project: 'acme' } } },
        credential: { access_token: 'ya29.x', id_token: 'y', token_expiry: '2026-01-01T12:00:00Z' },
        sentinels: { config_sentinel: '/root/.config/gcloud/config_sentinel' },
      },
      { username: 'oauth2accesstoken', password: 'ya29.x', expiresAt: date(end) },
    ],
    [
      'az acr login --expose-token',
      { accessToken: 'ey.x', loginServer: 'acme.azurecr.io' },
      { username: '00000000-0000-0000-0000-000000000000', password: 'ey.x' },
    ],
    ['what is known of no user first', { accessToken: 't', loginServer: 'x' }, { username: 'c' }, 'c'],
  ];

describe('what programs print is read', () => {
  test.each(outputs.map((each) => [each[0], each] as const))('%s', (_, [, output, credential, username]) => {
    for (const space of [undefined, 2]) {
      const text = typeof output === 'string' ? output : JSON.stringify(output, null, space);
      const read = readCommandOutput(text, username, now);
      expect(read).toMatchObject(credential);
      if (!('expiresAt' in credential)) expect(read).toMatchObject({ expiresAt: undefined });
    }
  });
});

describe('what is no credential is told without a piece of it', () => {
  const text = 'is no text';
  test.each<[unknown, string]>([
    ['', 'nothing.'],
    [' \n', 'nothing.'],
    ['hunter2\nhunter2', 'several lines that are no JSON.'],
    ['{"password": "hunter2"', 'text that starts like JSON, and is none.'],
    ['["hunter2"]', 'text that starts like JSON, and is none.'],
    [{}, 'JSON in which no credential is known.'],
    [{ secret: 'hunter2' }, 'JSON in which no credential is known.'],
    [{ status: {} }, 'JSON in which no credential is known.'],
    [{ credential: { id_token: 'hunter2' } }, 'JSON in which no credential is known.'],
    [{ accessToken: 'hunter2', subscription: 'x' }, 'JSON in which no credential is known.'],
    [{ authorizationData: [] }, 'JSON in which no credential is known.'],
    [{ authorizationData: [{ authorizationToken: 'hunter2' }] }, `a password or token that ${text}.`],
    [{ username: 'a', password: '' }, `a password or token that ${text}.`],
    [{ username: 'a', password: null }, `a password or token that ${text}.`],
    [{ token: 123 }, `a password or token that ${text}.`],
    [{ username: 1, password: 'hunter2' }, `a user name that ${text}.`],
    [
      { Username: '<token>', Secret: 'hunter2' },
      'an identity token, which only `docker` can use; have it print a name and a password.',
    ],
    [
      { token: 'hunter2', expiresAt: 'soon' },
      'an end of validity that is neither a date nor a number of seconds.',
    ],
    [
      { token: 'hunter2', expiresIn: 'long' },
      'an end of validity that is neither a date nor a number of seconds.',
    ],
    [
      { token: 'hunter2', expiresAt: {} },
      'an end of validity that is neither a date nor a number of seconds.',
    ],
  ])('%j', (output, problem) => {
    const printed = typeof output === 'string' ? output : JSON.stringify(output);
    expect(readCommandOutput(printed, undefined, now)).toBe(problem);
  });
});
