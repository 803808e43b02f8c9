import { ECR } from '@aws-sdk/client-ecr';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type EcrCredentialOptions, ecrCredential } from '../../../src/gateway/credentials/index.ts';
import { expires, startEcrApi } from './ecr-api.ts';

const credentials = { accessKeyId: 'AKIDEXAMPLE', secretAccessKey: 'secret' };

beforeEach(() => {
  vi.stubEnv('AWS_ACCESS_KEY_ID', credentials.accessKeyId);
  vi.stubEnv('AWS_SECRET_ACCESS_KEY', credentials.secretAccessKey);
  vi.stubEnv('AWS_REGION', 'sa-east-1');
  vi.stubEnv('AWS_CONFIG_FILE', '/dev/null');
  vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', '/dev/null');
});
afterEach(() => vi.unstubAllEnvs());

function upstream(host: string) {
  return { origin: `https://${host}`, host };
}

const registry = upstream('123456789012.dkr.ecr.eu-central-1.amazonaws.com');

describe('with the SDK’s own configuration', () => {
  test('the password comes decoded, with its end', async () => {
    const { server, calls } = await startEcrApi();
    vi.stubEnv('AWS_ENDPOINT_URL', server.origin);
    const provider = ecrCredential();
    const date = new Date(expires * 1000);
    expect(await provider(registry)).toEqual({ username: 'AWS', password: 'password:1', expiresAt: date });
    expect(await provider(registry)).toMatchObject({ password: 'password:2' });
    const target = 'AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken';
    expect(calls).toEqual(Array(2).fill({ target, region: 'eu-central-1' }));
  });

  test.each<[host: string, region: string, options?: EcrCredentialOptions]>([
    ['123456789012.dkr.ecr.eu-central-1.amazonaws.com', 'eu-central-1', { region: 'us-east-1' }],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
    ['123456789012.dkr-ecr.us-east-2.on.aws', 'us-east-2'],
    ['123456789012.dkr.ecr.us-iso-east-1.c2s.ic.gov:443', 'us-iso-east-1'],
    ['123456789012.DKR.ECR.EU-West-1.amazonaws.com', 'eu-west-1'],
    ['images.acme.example', 'sa-east-1'],
    ['images.acme.example', 'ap-south-1', { region: 'ap-south-1' }],
    ['dkr.ecr.eu-central-1.amazonaws.com', 'sa-east-1'],
    ['127.0.0.1:5000', 'sa-east-1'],
  ])('for %s, the region is %s', async (host, region, options) => {
    const { server, calls } = await startEcrApi();
    vi.stubEnv('AWS_ENDPOINT_URL', server.origin);
    await ecrCredential(options)(upstream(host));
    expect(calls.map((call) => call.region)).toEqual([region]);
  });

  test.each([
    '123456789012.dkr.ecr-fips.us-gov-west-1.amazonaws.com',
    '123456789012.dkr-ecr-fips.us-east-1.on.aws',
  ])('for %s, an API that is validated too is asked', async (host) => {
    // The SDK has none for an address of our own, and says so.
    vi.stubEnv('AWS_ENDPOINT_URL', 'http://127.0.0.2:1');
    await expect(ecrCredential()(upstream(host))).rejects.toThrow(/FIPS/);
  });
});

test('a client that is given is used for every host', async () => {
  const { server, calls } = await startEcrApi();
  const client = new ECR({ endpoint: server.origin, region: 'eu-north-1', credentials });
  const provider = ecrCredential({ client, region: 'us-east-1' });
  expect(await provider(registry)).toMatchObject({ username: 'AWS', password: 'password:1' });
  expect(calls.map(({ region }) => region)).toEqual(['eu-north-1']);
});

test.each<[string, { readonly status?: number; readonly body: unknown }, string]>([
  [
    'refuses',
    {
      status: 400,
      body: {
        __type: 'AccessDeniedException',
        message: 'User: arn:aws:iam::123456789012:user/x is not authorized',
      },
    },
    'AccessDeniedException: User: arn:aws:iam::123456789012:user/x is not authorized',
  ],
  ['gives nothing', { body: {} }, 'the answer of Amazon ECR has no authorization token.'],
  [
    'gives an empty list',
    { body: { authorizationData: [] } },
    'the answer of Amazon ECR has no authorization token.',
  ],
  [
    'gives no colon',
    { body: { authorizationData: [{ authorizationToken: 'QVdT' }] } },
    'the answer of Amazon ECR has no authorization token.',
  ],
])('an API that %s is an error that says why', async (_, answer, message) => {
  const { server } = await startEcrApi(() => answer);
  const client = new ECR({ endpoint: server.origin, region: 'eu-north-1', credentials, maxAttempts: 1 });
  await expect(ecrCredential({ client })(registry)).rejects.toThrow(message);
});
