/**
 * Rules in an object of Amazon S3, or of anything that speaks its protocol.
 *
 * @see https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
 * @module
 */
import { MAX_SIZE } from '../document.ts';
import type { RuleStore } from '../store.ts';
import { reasonOf } from './_chain.ts';
import { importPackage } from './_package.ts';
import { collectText, tooLarge } from './_text.ts';

export type { RuleStore } from '../store.ts';

/** Options of `s3Rules`. */
export interface S3RulesOptions {
  /** The region. Default what the AWS SDK is configured with. */
  readonly region?: string | undefined;
  /** The address of another server than Amazon's, which is asked with the bucket in the path. Default Amazon's. */
  readonly endpoint?: string | undefined;
  /** A configured client, `new S3({ … })` of `@aws-sdk/client-s3`. Default one with the SDK's own configuration. */
  readonly client?: S3Client | undefined;
}

/** What is used of the class `S3` of `@aws-sdk/client-s3`. */
export interface S3Client {
  /** Gets an object. */
  getObject(input: S3Input & { readonly IfNoneMatch?: string }, options?: S3CallOptions): Promise<S3Object>;
  /** Puts one in its place. */
  putObject(
    input: S3Input & { readonly Body: string; readonly ContentType: string; readonly IfMatch?: string },
  ): Promise<unknown>;
  /** Ends its connections. */
  destroy(): void;
}

/** An object, named. */
export interface S3Input {
  /** The bucket. */
  readonly Bucket: string;
  /** The key. */
  readonly Key: string;
}

/** How a call is made. */
export interface S3CallOptions {
  /** Ends it. */
  readonly abortSignal?: AbortSignal;
}

/** What S3 answers to `GetObject`, as far as it is read. */
export interface S3Object {
  /** The length. */
  readonly ContentLength?: number | undefined;
  /** The entity tag. */
  readonly ETag?: string | undefined;
  /** The bytes. */
  readonly Body?: unknown;
}

/** The part of `@aws-sdk/client-s3` that is used. */
interface Sdk {
  readonly S3: new (configuration: object) => S3Client;
}

const EXAMPLE = 's3://acme-config/turnout.yaml';

/**
 * Makes a store of an object of S3, for `loadRules`: `s3://bucket/key`, with `?endpoint=https://…` for another server
 * than Amazon's, and `?region=…`.
 *
 * It is asked with `If-None-Match`, so that a look costs a 304. The package `@aws-sdk/client-s3` is loaded when it is first
 * used, unless a `client` is given; who may read, it finds as AWS documents it. The identity needs `s3:GetObject`, and
 * `s3:PutObject` for `turnout rollback`.
 *
 * @throws TypeError It is no address of S3.
 */
export function s3Rules(address: string, options: S3RulesOptions = {}): RuleStore {
  const { input, name, configuration } = readAddress(address, options);
  let made: Promise<S3Client> | undefined;
  let closed = false;

  async function client(): Promise<S3Client> {
    if (options.client) return options.client;
    made ??= createClient(configuration);
    // The package may be installed by the next time.
    made.catch(() => (made = undefined));
    return made;
  }

  async function read(
    known?: string,
    signal?: AbortSignal,
  ): Promise<{ text: string; version: string | undefined } | undefined> {
    const call = { ...input, ...(known !== undefined && { IfNoneMatch: known }) };
    try {
      const {
        Body,
        ContentLength = 0,
        ETag,
      } = await (await client()).getObject(call, signal && { abortSignal: signal });
      const pieces = Body as AsyncIterable<Uint8Array> & { destroy?(): void };
      if (ContentLength <= MAX_SIZE) return { text: await collectText(pieces, name), version: ETag };
      pieces.destroy?.();
    } catch (error) {
      if (statusOf(error) === 304 && known !== undefined) return undefined;
      throw explain(error, name);
    }
    throw tooLarge(name);
  }

  return {
    name,
    async read({ known, signal }) {
      if (closed) throw new Error(`\`${name}\` is closed.`);
      return read(known, signal);
    },
    async write(text, expected) {
      const now = await read();
      if (now?.text !== expected) throw new Error(`\`${name}\` has been changed meanwhile.`);
      const condition = now.version === undefined ? {} : { IfMatch: now.version };
      const call = { ...input, ...condition, Body: text, ContentType: 'application/yaml' };
      await (await client()).putObject(call).catch((error: unknown) => {
        throw explain(error, name);
      });
    },
    close() {
      closed = true;
      made?.then((each) => each.destroy()).catch(() => {});
    },
  };
}

async function createClient(configuration: object): Promise<S3Client> {
  const { S3 } = await importPackage<Sdk>('@aws-sdk/client-s3', 'rules in S3');
  return new S3(configuration);
}

function readAddress(address: string, options: S3RulesOptions) {
  const url = address.startsWith('s3://') && URL.canParse(address) ? new URL(address) : undefined;
  const key = decodeURIComponent(url?.pathname.slice(1) ?? '');
  if (!url || url.host === '' || key === '')
    throw new TypeError(`Write an address of S3, such as \`${EXAMPLE}\`.`);
  const region = options.region ?? url.searchParams.get('region') ?? undefined;
  const endpoint = options.endpoint ?? url.searchParams.get('endpoint') ?? undefined;
  return {
    input: { Bucket: url.host, Key: key },
    name: `s3://${url.host}/${key}`,
    configuration: {
      // The pace of looking is the retry.
      maxAttempts: 1,
      ...(region !== undefined && { region }),
      // Other servers know neither names of buckets in the host nor the newer checksums.
      ...(endpoint !== undefined && {
        endpoint,
        forcePathStyle: true,
        requestChecksumCalculation: 'WHEN_REQUIRED',
        responseChecksumValidation: 'WHEN_REQUIRED',
      }),
    },
  };
}

function statusOf(error: unknown): number | undefined {
  return (error as { readonly $metadata?: { readonly httpStatusCode?: number } }).$metadata?.httpStatusCode;
}

/** The name of an error of the SDK says more than its message. */
function explain(error: unknown, name: string): Error {
  if (!(error instanceof Error) || error.message.startsWith(`\`${name}\``)) return error as Error;
  if (statusOf(error) === 412) return new Error(`\`${name}\` has been changed meanwhile.`, { cause: error });
  const reason = statusOf(error) === undefined ? reasonOf(error) : `${error.name}: ${error.message}`;
  return new Error(`\`${name}\` cannot be used: ${reason.replace(/\.$/, '')}.`, { cause: error });
}
