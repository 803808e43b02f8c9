import type { CompiledUpstream } from '../core/compiled-rule.ts';
import type { ByteStream } from '../core/protocol.ts';
import { readDocument } from '../core/read-document.ts';
import { judge } from './address.ts';
import type { FetchToken, TokenAnswer } from './token-broker.ts';
import { type Transport, UpstreamError, type UpstreamRequest } from './transport.ts';

const TIMEOUT = 30_000;
const MAX_ANSWER = 1_048_576;
/** For a token server that does not say (distribution specification, "Token Response Fields"). */
const DEFAULT_LIFE = 60;

/** Makes what asks the token server that `origin` names, if the upstream's rule lets it lead there. */
export function createFetchToken(
  transport: Transport,
  upstream: CompiledUpstream,
  origin: string,
): FetchToken {
  return async ({ url, authorization, form }) => {
    const verdict = judge(url, { origin, allow: upstream.allow });
    if (verdict === 'refused')
      throw new UpstreamError(
        `${origin} names the token server ${url.origin}, which the rule does not allow.`,
        502,
      );
    const signal = AbortSignal.timeout(TIMEOUT);
    const request: UpstreamRequest = {
      method: form ? 'POST' : 'GET',
      origin: url.origin,
      path: url.pathname + url.search,
      headers: {
        accept: 'application/json',
        'accept-encoding': 'identity',
        'user-agent': 'turnout',
        ...(authorization && { authorization }),
        ...(form && { 'content-type': 'application/x-www-form-urlencoded' }),
      },
      body: form && once(form.toString()),
      signal,
      guarded: verdict === 'guarded',
    };
    try {
      return await askServer(transport, request);
    } catch (error) {
      if (error instanceof UpstreamError) throw error;
      const message = signal.aborted ? 'the token server is too slow.' : `the token server: ${String(error)}`;
      throw new UpstreamError(`${url.origin}: ${message}`, signal.aborted ? 504 : 502, { cause: error });
    }
  };
}

async function askServer(transport: Transport, request: UpstreamRequest): Promise<TokenAnswer | undefined> {
  const { status, body, discard } = await transport(request);
  if (status === 200) return readToken(await readDocument(body, MAX_ANSWER), request.origin);
  discard();
  // A refusal is the upstream's word to the client; anything else is a token server out of order.
  if (status < 500 && status !== 429) return undefined;
  throw new UpstreamError(
    `${request.origin}: the token server answers ${status}.`,
    status === 429 ? 429 : 502,
  );
}

async function* once(text: string): ByteStream {
  yield new TextEncoder().encode(text);
}

function readToken(text: string, origin: string): TokenAnswer {
  try {
    const {
      token,
      access_token: accessToken,
      expires_in: expiresIn,
    } = JSON.parse(text) as Record<string, unknown>;
    const value = typeof token === 'string' && token !== '' ? token : accessToken;
    if (typeof value === 'string' && /^[\x21-\x7e]+$/.test(value)) {
      return { token: value, expiresIn: typeof expiresIn === 'number' ? expiresIn : DEFAULT_LIFE };
    }
  } catch {
    // What is no JSON has no token either.
  }
  throw new UpstreamError(`${origin}: the token server's answer has no token.`, 502);
}
