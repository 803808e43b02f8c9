import type { ClientCredential } from '../core/credential.ts';
import type { Admission, Answer, Refusal, Resource, Tools } from '../core/protocol.ts';

/** What a client asks of the token endpoint. */
interface TokenRequest {
  /** The names of the repositories, each once, in their order. */
  readonly names: readonly string[];
  /** What the client proves itself with; nobody in particular when it does not. */
  readonly credential: ClientCredential | undefined;
}

/** What the token endpoint needs of its protocol. */
export interface TokenManners {
  /** What is asked for to learn whether a name, or the whole registry, may be pulled. */
  toResource(name: string | undefined): Resource;
  /** A refusal in the protocol's form. */
  refuse(refusal: Refusal): Answer;
}

/** More than any client writes. */
const MOST_FORM = 65_536;
/** Clients take a token for good for so long when they are not told (distribution specification, "Token Response Fields"). */
const SHORTEST = 60;
const LONGEST = 3600;
const DEFAULT = 300;

/**
 * Answers a request for a token: asks the upstream of the first repository that has one whether it takes the client's
 * credential, and makes a token that stands for it.
 *
 * @see https://distribution.github.io/distribution/spec/auth/token/
 * @see https://distribution.github.io/distribution/spec/auth/oauth/
 */
export async function answerToken(
  method: string,
  query: string | undefined,
  tools: Tools,
  manners: TokenManners,
): Promise<Answer> {
  const asked =
    method === 'POST' ? await readForm(tools) : await readQuery(new URLSearchParams(query), tools);
  if (typeof asked === 'string') return manners.refuse({ status: 400, message: asked });
  const { credential } = asked;
  const admission = await findAdmission(asked, tools, manners);
  if (admission.type === 'refused') {
    const message = credential
      ? 'The registry does not take this credential.'
      : 'The registry wants a login.';
    return manners.refuse({ status: 401, message });
  }
  const lifetime = Math.min(Math.max(admission.expiresIn ?? DEFAULT, SHORTEST), LONGEST);
  const token = await tools.issue(credential, lifetime);
  return {
    status: 200,
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store' },
    body: JSON.stringify({
      token,
      access_token: token,
      expires_in: lifetime,
      issued_at: new Date().toISOString(),
    }),
  };
}

/** Without a name it is a login, which any upstream may take; nobody in particular needs none. */
async function findAdmission(
  { names, credential }: TokenRequest,
  tools: Tools,
  { toResource }: TokenManners,
): Promise<Admission> {
  if (names.length === 0)
    return credential ? tools.admit(toResource(undefined), credential) : { type: 'open' };
  for (const name of names) {
    const admission = await tools.admit(toResource(name), credential);
    if (admission.type !== 'open') return admission;
  }
  return { type: 'open' };
}

async function readQuery(params: URLSearchParams, tools: Tools): Promise<TokenRequest | string> {
  const shown = await tools.readCredential();
  if (shown === 'invalid') return 'The `Authorization` is not of the scheme `Basic`.';
  return { names: listNames(params), credential: shown.credential };
}

async function readForm(tools: Tools): Promise<TokenRequest | string> {
  const text = await tools.readBody(MOST_FORM);
  if (text === undefined) return 'The form is too long.';
  const form = new URLSearchParams(text);
  switch (form.get('grant_type')) {
    case 'refresh_token': {
      const refreshToken = form.get('refresh_token');
      if (!refreshToken) return 'The form has no `refresh_token`.';
      return { names: listNames(form), credential: { refreshToken } };
    }
    case 'password': {
      const [username, password] = [form.get('username') ?? '', form.get('password') ?? ''];
      const named = username !== '' || password !== '';
      return { names: listNames(form), credential: named ? { username, password } : undefined };
    }
    default:
      return 'The `grant_type` is neither `password` nor `refresh_token`.';
  }
}

/** Distribution specification, "Token Scope Documentation": `repository:acme/app:pull`, several joined by spaces. */
function listNames(params: URLSearchParams): readonly string[] {
  const scopes = params.getAll('scope').flatMap((scope) => scope.split(' '));
  return [
    ...new Set(scopes.flatMap((scope) => /^repository(?:\([^)]*\))?:(.+):[^:]*$/.exec(scope)?.[1] ?? [])),
  ];
}
