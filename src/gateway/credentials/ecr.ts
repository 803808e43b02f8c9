import type { CredentialProvider, ProvidedCredential } from '../../core/credential.ts';
import { decodeUserAndPassword } from './user-and-password.ts';

/** What ECR answers to `GetAuthorizationToken`, as far as it is read. */
export interface EcrAuthorization {
  /** One entry for each registry that was asked for; here one. */
  readonly authorizationData?:
    | readonly {
        /** User name and password, joined by a colon, in base64. */
        readonly authorizationToken?: string | undefined;
        /** When they expire: after 12 hours. */
        readonly expiresAt?: Date | undefined;
      }[]
    | undefined;
}

/** What is used of the class `ECR` of `@aws-sdk/client-ecr`. */
export interface EcrClient {
  /** Asks for a credential. */
  getAuthorizationToken(input: Record<string, never>): Promise<EcrAuthorization>;
}

/** Options of `ecrCredential`. */
export interface EcrCredentialOptions {
  /**
   * The region of registries whose host does not tell it, such as a name of your own for one. Default what the AWS SDK
   * is configured with.
   */
  readonly region?: string | undefined;
  /**
   * A configured client, `new ECR({ … })`. Default one with the SDK's own configuration: environment, shared files,
   * and the role of the machine, the container or the Kubernetes service account.
   */
  readonly client?: EcrClient | undefined;
}

/** The part of `@aws-sdk/client-ecr` that is used; its own types would be missing for those who do without it. */
interface Sdk {
  readonly ECR: new (configuration: EcrConfiguration) => EcrClient;
}

interface EcrConfiguration {
  readonly region?: string;
  readonly useFipsEndpoint?: boolean;
}

/** Not written where it is imported: bundlers would look for a package that most have no use for. */
const SDK = '@aws-sdk/client-ecr';

/**
 * `<account>.dkr.ecr.<region>.amazonaws.com`, with `.cn` in China, and `<account>.dkr-ecr.<region>.on.aws`, which has
 * IPv6; both with `-fips`.
 *
 * @see https://docs.aws.amazon.com/general/latest/gr/ecr.html
 */
const HOST = /^\d{12}\.dkr[.-]ecr(-fips)?\.([a-z\d-]+)\.[a-z\d.-]+(?::\d+)?$/i;

/**
 * Makes what fetches credentials of private registries of Amazon ECR, through the AWS SDK.
 *
 * The package `@aws-sdk/client-ecr` is loaded when it is first used, unless a `client` is given. The region is that of
 * the upstream's host. The AWS identity needs `ecr:GetAuthorizationToken`, and on the repositories `ecr:BatchGetImage`
 * and `ecr:GetDownloadUrlForLayer`; clients of the gateway pull whatever it may.
 *
 * @example
 * rule(oci, { to: '123456789012.dkr.ecr.eu-central-1.amazonaws.com', auth: ecrCredential() })
 */
export function ecrCredential({ region, client }: EcrCredentialOptions = {}): CredentialProvider {
  const clients = new Map<string, Promise<EcrClient>>();

  function clientFor(host: string): EcrClient | Promise<EcrClient> {
    if (client) return client;
    const configuration = configure(host, region);
    const key = JSON.stringify(configuration);
    const made = clients.get(key) ?? createClient(configuration);
    clients.set(key, made);
    // The package may be installed by the next time.
    made.catch(() => clients.delete(key));
    return made;
  }

  return async ({ host }) => {
    const ecr = await clientFor(host);
    return readAuthorization(await ecr.getAuthorizationToken({}).catch(rethrow));
  };
}

function configure(host: string, region: string | undefined): EcrConfiguration {
  const [, fips, own = region] = HOST.exec(host) ?? [];
  return {
    ...(own !== undefined && { region: own.toLowerCase() }),
    // Whoever asks for validated cryptography wants it here too.
    ...(fips !== undefined && { useFipsEndpoint: true }),
  };
}

async function createClient(configuration: EcrConfiguration): Promise<EcrClient> {
  const { ECR } = await importSdk();
  return new ECR(configuration);
}

async function importSdk(): Promise<Sdk> {
  try {
    return await import(/* webpackIgnore: true */ /* @vite-ignore */ SDK);
  } catch (error) {
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    const missing = /MODULE_NOT_FOUND$/.test(String(code)) && String(message).includes(SDK);
    if (!missing) throw error;
    throw new Error(`credentials of Amazon ECR need the AWS SDK; run \`npm install ${SDK}\`.`);
  }
}

/** The name of an error of the SDK says more than its message. */
function rethrow(error: unknown): never {
  if (!(error instanceof Error)) throw error;
  throw new Error(`${error.name}: ${error.message}`);
}

function readAuthorization({ authorizationData: [data] = [] }: EcrAuthorization): ProvidedCredential {
  const credential = decodeUserAndPassword(data?.authorizationToken);
  if (!credential) throw new Error('the answer of Amazon ECR has no authorization token.');
  return { ...credential, expiresAt: data?.expiresAt };
}
