import { startUpstream, type Upstream } from '../upstream.ts';

/** A call of the API of ECR, as it came. */
export interface EcrCall {
  readonly target: string | undefined;
  /** The region that it was signed for. */
  readonly region: string | undefined;
}

/** The API of ECR, on loopback. */
export interface EcrApi {
  readonly server: Upstream;
  readonly calls: readonly EcrCall[];
}

/** Starts the API of ECR, which answers with passwords that count, or with this. */
export async function startEcrApi(
  answer: (count: number) => { readonly status?: number; readonly body: unknown } = giveAuthorization,
): Promise<EcrApi> {
  const calls: EcrCall[] = [];
  const server = await startUpstream((request, response) => {
    const scope = /Credential=[^/]+\/\d+\/([^/]+)\/ecr\//.exec(request.headers.authorization ?? '');
    const target = request.headers['x-amz-target'];
    const count = calls.push({ target: typeof target === 'string' ? target : undefined, region: scope?.[1] });
    request.resume();
    const { status = 200, body } = answer(count);
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(body));
  });
  return { server, calls };
}

/** When the fake passwords expire, in seconds since 1970. */
export const expires = 4_000_000_000.5;

function giveAuthorization(count: number) {
  const authorizationToken = Buffer.from(`AWS:password:${count}`).toString('base64');
  const proxyEndpoint = 'https://123456789012.dkr.ecr.eu-central-1.amazonaws.com';
  return { body: { authorizationData: [{ authorizationToken, expiresAt: expires, proxyEndpoint }] } };
}
