import * as z from 'zod/mini';
import { CREDENTIAL_SYNTAX } from '../core/credential.ts';
import type { OptionType } from '../core/options.ts';
import type { Protocol } from '../core/protocol.ts';
import { protocols as allProtocols } from '../protocols/index.ts';
import { listWords } from './mistake.ts';
import type { RuleFile } from './rule-file.ts';

/** What the schema finds wrong; a choice of forms has the `errors` of each. */
export interface SchemaIssue {
  /** The kind: `invalid_type`, `unrecognized_keys`, `invalid_union`, `invalid_value` or another. */
  readonly code?: string | undefined;
  /** Where it is, from what was checked; within `errors` from the choice. */
  readonly path: readonly PropertyKey[];
  /** What must stand there, for a sentence. */
  readonly message: string;
  /** The type that must stand there. */
  readonly expected?: string;
  /** The keys that may not stand there. */
  readonly keys?: readonly string[];
  /** The values of which one must stand there. */
  readonly values?: readonly unknown[];
  /** What is wrong by each form. */
  readonly errors?: readonly (readonly SchemaIssue[])[];
}

/** Where the published package has the JSON Schema. */
const SCHEMA_ID = 'https://unpkg.com/turnout/dist/schema.json';

/** What an editor shows. */
interface Documentation {
  readonly title: string;
  readonly description: string;
  readonly id?: string;
  readonly default?: unknown;
  readonly examples?: readonly unknown[];
}

const documentation = z.registry<Documentation>();

function document<T extends z.ZodMiniType>(
  schema: T,
  title: string,
  description: string,
  more?: Omit<Documentation, 'title' | 'description'>,
): T {
  documentation.add(schema, { title, description, ...more });
  return schema;
}

/** Every `error` here says what must stand there, for a sentence. */
const text = (expected: string) => z.string({ error: expected });
const mapping = <T extends z.core.$ZodLooseShape>(shape: T, expected = 'a mapping') =>
  z.strictObject(shape, { error: expected });
const choice = <const T extends readonly string[]>(words: T) =>
  z.enum(words, { error: listWords(words, 'or') });

const username = text('text').check(
  z.regex(CREDENTIAL_SYNTAX.username, { error: 'text in one line, without a colon' }),
);

const basic = mapping({
  username: document(
    username,
    'User name',
    'The name of the account. `${NAME}` takes it from the environment.',
  ),
  password: document(
    text('text').check(z.regex(CREDENTIAL_SYNTAX.password, { error: 'text in one line' })),
    'Password',
    'The password of the account. `${NAME}` takes it from the environment.',
    { examples: ['${REGISTRY_PASSWORD}'] },
  ),
});

const bearer = mapping({
  token: document(
    text('a token').check(
      z.regex(CREDENTIAL_SYNTAX.token, { error: 'one word, without spaces and line breaks' }),
    ),
    'Token',
    'A token that is sent as it is, as `Authorization: Bearer`. `${NAME}` takes it from the environment.',
    { examples: ['${REGISTRY_TOKEN}'] },
  ),
});

const ecr = mapping({
  ecr: document(
    mapping(
      {
        region: document(
          z.optional(
            text('a region such as `eu-central-1`').check(
              z.regex(/^[a-z\d-]+$/, { error: 'a region such as `eu-central-1`' }),
            ),
          ),
          'Region',
          'The region of a registry whose host does not tell it. What the AWS SDK is configured with when left out.',
          { examples: ['eu-central-1'] },
        ),
      },
      'a mapping with `region`',
    ),
    'Amazon ECR',
    'The password of a private registry of Amazon ECR, fetched through the AWS SDK (`@aws-sdk/client-ecr`) and renewed before it expires.',
  ),
});

const COMMAND = 'a list of a program and its arguments, such as `[aws, ecr, get-login-password]`';
const LIFETIME = 'a number with its unit, such as `45m` or `12h`';

const command = mapping({
  command: document(
    z
      .array(text('text').check(z.regex(/^\P{Cc}*$/u, { error: 'text in one line' })), { error: COMMAND })
      .check(
        z.minLength(1, { error: COMMAND }),
        z.refine(([program]) => program !== '', { path: [0], error: 'the name of a program' }),
      ),
    'Command',
    'A program that prints a password, a token, or JSON with one of them, and its arguments; no shell reads them. It runs when it is needed, and before what it printed expires.',
    { examples: [['aws', 'ecr', 'get-login-password', '--region', 'eu-central-1']] },
  ),
  username: document(
    z.optional(username),
    'User name',
    'The name of the account whose password the program prints, when it prints no name.',
    { examples: ['AWS'] },
  ),
  lifetime: document(
    z.optional(text(LIFETIME).check(z.regex(/^[1-9]\d{0,5}[smh]$/, { error: LIFETIME }))),
    'Lifetime',
    'How long it is good what the program prints, when that does not say so: seconds, minutes or hours.',
    { default: '5m', examples: ['45m', '12h'] },
  ),
});

/** What `auth` can be; the first word of each form tells it from the others. */
const FORMS =
  '`client`, `ecr`, or a mapping with `username` and `password`, with `token`, with `ecr`, or with `command`';

const authentication = document(
  z.union([z.enum(['client', 'ecr'], { error: FORMS }), basic, bearer, ecr, command], { error: FORMS }),
  'Authentication',
  'What the gateway proves itself with at the upstream; never sent to another host or to a client. `client` for the credential that each client shows, `ecr` for Amazon ECR.',
  { id: 'authentication' },
);

const weight = z.number({ error: 'a number from 0 on' });
const time = text('a time such as `2026-12-01T08:00:00Z`');
const networkList = z.array(text('a network such as `10.0.0.0/8`'), { error: 'a list of networks' });

const step = mapping({
  at: document(time, 'Time', 'The time from which on, in RFC 3339.'),
  weight: document(weight, 'Weight', 'The weight from then on.'),
});

const condition = mapping({
  networks: document(
    z.optional(networkList),
    'Networks',
    'Addresses and networks of clients, or the names of lists in `networks`.',
    { examples: [['10.0.0.0/8', 'office']] },
  ),
  headers: document(
    z.optional(
      z.record(
        z.string(),
        z.union([text('a value'), z.array(text('a value'))], { error: 'a value, or a list of values' }),
        { error: 'a mapping of header fields' },
      ),
    ),
    'Header fields',
    'Fields of the request and the values of which they must have one, such as the country that a CDN names.',
    { examples: [{ 'cf-ipcountry': ['DE', 'AT', 'CH'] }] },
  ),
  from: document(z.optional(time), 'From', 'The time from which on, in RFC 3339.'),
  until: document(z.optional(time), 'Until', 'The time until which, in RFC 3339.'),
});

const upstream = document(
  mapping({
    url: document(
      text('the address of an upstream'),
      'Address',
      'Host and path, https unless it says otherwise, with the variables of `match` in the path.',
      { examples: ['https://mirror.example/acme'] },
    ),
    auth: document(
      z.optional(authentication),
      'Authentication at this upstream',
      'What the gateway proves itself with here; never sent to another host.',
    ),
    allow: document(
      z.optional(z.array(text('a host'), { error: 'a list of hosts' })),
      'Allowed hosts',
      'Hosts to which this upstream may lead the gateway although they are not public https addresses: token servers and blob stores in a private network.',
      { examples: [['auth.internal:8443']] },
    ),
    weight: document(
      z.optional(weight),
      'Weight',
      'Its share of the clients, in proportion to the other weights of the rule; a client stays with its upstream. With 0 it gets nobody. Without one, beside others that have one, it is only fallen back to.',
      { examples: [90, 10] },
    ),
    ramp: document(
      z.optional(z.array(step, { error: 'a list of steps' }).check(z.minLength(1))),
      'Schedule',
      'The weights that it has from some times on, in their order. Before the first, `weight` or else 0.',
      { examples: [[{ at: '2026-12-01T08:00:00Z', weight: 10 }]] },
    ),
    when: document(
      z.optional(condition),
      'Condition',
      'For which requests it is; all that is given must hold.',
    ),
    probe: document(
      z.optional(text('a path such as `/healthz`')),
      'Probe',
      'A path that is asked for now and then, to know whether the upstream is in order.',
      { examples: ['/healthz'] },
    ),
  }),
  'Upstream',
  'One place where a rule leads, with what it needs.',
  { id: 'upstream' },
);

const place = z.union([text('an address'), upstream], { error: 'an address, or a mapping with `url`' });
const PATTERN = 'a pattern such as `acme/*image`, or a list of patterns';
const protocolName = text('the name of a protocol');

const STATUSES = [301, 302, 303, 307, 308] as const;

const rule = document(
  mapping({
    name: document(
      z.optional(text('text').check(z.minLength(1))),
      'Name',
      'The name in logs and decisions, unique in its file.',
    ),
    host: document(
      z.optional(z.union([text('a host'), z.array(text('a host'))], { error: 'a host, or a list of hosts' })),
      'Host',
      'The host or hosts that people use: exact, or with `*.` in front; with a port only that port. Any host when left out.',
      { examples: ['get.acme.dev', '*.acme.dev'] },
    ),
    at: document(
      z.optional(text('a path such as `/pypi/`')),
      'Mount path',
      'The path below which the protocol is mounted, for several protocols on one host.',
      { default: '/' },
    ),
    protocol: document(protocolName, 'Protocol', 'What the clients speak; `file` for plain downloads.'),
    match: document(
      z.optional(z.union([text(PATTERN), z.array(text(PATTERN), { error: PATTERN })], { error: PATTERN })),
      'Pattern',
      'The names that this rule is for, in path-to-regexp syntax: `:name` for a segment, `*rest` for the rest, `{…}` for what may be missing; of a list any. Every name when left out.',
      { examples: ['acme/*image', '/cli/:version/acme-:platform.tar.gz'] },
    ),
    syntax: document(
      z.optional(choice(['path-to-regexp', 'rfc6570', 'regexp'])),
      'Syntax',
      'The syntax of `match`; with `rfc6570` of `to` as well. A regular expression must match the whole name, and is matched in linear time.',
      { default: 'path-to-regexp' },
    ),
    to: document(
      z.optional(
        z.union([text('an address'), upstream, z.array(place)], {
          error: 'an address, a mapping with `url`, or a list of these',
        }),
      ),
      'Upstream',
      'Where the artifacts are: one address, or several in the order of fallback. The variables of `match` may stand in its path.',
      {
        examples: [
          'ghcr.io/acme-inc/*image',
          ['https://packages.acme.example/deb', 'https://mirror.example/deb'],
        ],
      },
    ),
    mode: document(
      z.optional(choice(['auto', 'redirect', 'proxy'])),
      'Mode',
      '`auto` redirects where every client survives it, `redirect` wherever the protocol allows it, `proxy` sends every byte through the gateway.',
      { default: 'auto' },
    ),
    status: document(
      z.optional(z.literal(STATUSES, { error: listWords(STATUSES, 'or') })),
      'Redirect status',
      'The status of redirects of GET and HEAD requests. What the clients of the protocol take when left out.',
    ),
    downgrade: document(
      z.optional(z.boolean({ error: '`true` or `false`' })),
      'Downgrade',
      'Whether a request over https may be redirected to an http address. Most clients refuse that.',
      { default: false },
    ),
    query: document(
      z.optional(choice(['keep', 'drop'])),
      'Query',
      "Whether the request's query is carried over to the target, behind the target's own.",
      { default: 'keep' },
    ),
    auth: document(
      z.optional(authentication),
      'Authentication at every upstream',
      'What the gateway proves itself with at every upstream that has no `auth` of its own.',
    ),
    merge: document(
      z.optional(z.boolean({ error: '`true` or `false`' })),
      'Merge',
      'Whether the upstreams of `to` are one index together, instead of in order of fallback; of what several have, the first’s counts.',
      { default: false },
    ),
    missing: document(
      z.optional(choice(['answer', 'next'])),
      'Missing',
      "What an upstream's 404 means: an answer, or that the next upstream is asked, as while a house is moved piece by piece.",
      { default: 'answer' },
    ),
    check: document(
      z.optional(z.boolean({ error: '`true` or `false`' })),
      'Check',
      'Whether it is looked, with a HEAD whose answer is kept for a short while, whether an upstream has what a client is redirected to, and the next one is asked if not.',
      { default: false },
    ),
    options: document(
      z.optional(z.record(z.string(), z.unknown(), { error: 'a mapping' })),
      'Options',
      'What the protocol wants to know besides; its page says what.',
    ),
    notice: document(
      z.optional(text('text')),
      'Notice',
      'What users of this rule are told by their clients: one line of printable ASCII, sent as `Warning: 299` or as what the clients of the protocol print.',
      { examples: ['This name moves; use get.acme.dev/acme/app.'] },
    ),
  }),
  'Rule',
  'On this host, names of this protocol that match go there.',
  { id: 'rule' },
);

const ruleFile: z.ZodMiniType<RuleFile> = document(
  z.strictObject(
    {
      $schema: document(
        z.optional(text('the address of a JSON Schema')),
        'Schema',
        'The address of the JSON Schema of rule files, for editors.',
      ),
      networks: document(
        z.optional(z.record(z.string(), networkList, { error: 'a mapping of lists of networks' })),
        'Networks',
        'Lists of networks by name, such as the ranges of a cloud or an office, for `when`.',
        { examples: [{ office: ['192.0.2.0/24', '2001:db8::/32'] }] },
      ),
      rules: document(
        z.array(rule, { error: 'a list of rules' }).check(z.minLength(1)),
        'Rules',
        'The rules. The most specific one wins, whatever their order.',
      ),
    },
    { error: 'a mapping with the key `rules`' },
  ),
  'Turnout rule file',
  'Where the downloads of a domain lead.',
);

/** The keys that a mapping can have, by the key that it stands under; the root's by the empty one. */
export const allowedKeys: Readonly<Record<string, readonly string[]>> = {
  '': ['rules', 'networks', '$schema'],
  rules: Object.keys(rule.shape),
  to: Object.keys(upstream.shape),
  ramp: Object.keys(step.shape),
  when: Object.keys(condition.shape),
  auth: [...new Set([basic, bearer, ecr, command].flatMap(({ shape }) => Object.keys(shape)))],
  ecr: Object.keys(ecr.shape.ecr.shape),
};

/** Options of `ruleFileJsonSchema`. */
export interface SchemaOptions {
  /** The protocols that rules may name. Default every protocol of this package. */
  readonly protocols?: readonly Protocol[] | undefined;
}

/** Makes the JSON Schema of rule files (draft 2020-12), with which editors complete, explain and check. */
export function ruleFileJsonSchema(options: SchemaOptions = {}): Record<string, unknown> {
  const { protocols = allProtocols } = options;
  const schema = z.toJSONSchema(ruleFile, {
    metadata: documentation,
    io: 'input',
    override: ({ zodSchema, jsonSchema }) => {
      if (zodSchema === protocolName) jsonSchema.enum = protocols.map(({ name }) => name);
    },
  });
  const definitions = schema.$defs as Readonly<Record<string, JsonSchema>>;
  return {
    $id: SCHEMA_ID,
    ...schema,
    $defs: { ...definitions, rule: withOptions(definitions.rule, protocols) },
  };
}

type JsonSchema = Readonly<Record<string, unknown>>;

/** The options that a rule may have depend on its protocol. */
function withOptions(rule: JsonSchema | undefined, protocols: readonly Protocol[]): JsonSchema {
  const allOf = protocols.flatMap(({ name, options }) => {
    if (!options) return [];
    const shape = toJsonSchema({ type: 'record', keys: options, expected: '' });
    const described = { title: 'Options', description: `What \`${name}\` wants to know besides.`, ...shape };
    return [
      // biome-ignore lint/suspicious/noThenProperty: JSON Schema has this keyword.
      { if: { properties: { protocol: { const: name } } }, then: { properties: { options: described } } },
    ];
  });
  return allOf.length === 0 ? { ...rule } : { ...rule, allOf };
}

function toJsonSchema(type: OptionType): JsonSchema {
  switch (type.type) {
    case 'text':
      return { type: 'string', ...(type.pattern && { pattern: type.pattern.source }) };
    case 'flag':
      return { type: 'boolean' };
    case 'number':
      return { type: 'integer', minimum: type.least, maximum: type.most };
    case 'word':
      return { enum: type.words };
    case 'list':
      return { type: 'array', items: toJsonSchema(type.of) };
    case 'map':
      return { type: 'object', additionalProperties: toJsonSchema(type.of) };
    case 'record': {
      const entries = Object.entries(type.keys);
      const required = entries.flatMap(([name, option]) => (option.required ? [name] : []));
      return {
        type: 'object',
        additionalProperties: false,
        properties: Object.fromEntries(
          entries.map(([name, { description, default: preset, examples, ...rest }]) => [
            name,
            {
              title: `${name[0]?.toUpperCase()}${name.slice(1)}`,
              ...toJsonSchema(rest),
              description,
              ...(preset !== undefined && { default: preset }),
              ...(examples && { examples }),
            },
          ]),
        ),
        ...(required.length > 0 && { required }),
      };
    }
  }
}

/** Checks data against the schema. */
export function findSchemaIssues(data: unknown): readonly SchemaIssue[] {
  return z.safeParse(ruleFile, data).error?.issues ?? [];
}
