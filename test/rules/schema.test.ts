import { Ajv2020 } from 'ajv/dist/2020.js';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { protocols } from '../../src/protocols/index.ts';
import { ruleFileJsonSchema } from '../../src/rules/index.ts';
import { example, exampleEnv, exampleProtocols, issuesOf } from './_fixtures.ts';

const schema = ruleFileJsonSchema({ protocols: exampleProtocols });
const validate = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);

test('the JSON Schema is of draft 2020-12, with an address of its own', () => {
  expect(ruleFileJsonSchema()).toMatchObject({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'https://unpkg.com/turnout/dist/schema.json',
  });
});

test('the protocols of this package are what editors offer', () => {
  const names = protocols.map(({ name }) => name);
  expect(ruleFileJsonSchema()).toMatchObject({
    $defs: { rule: { properties: { protocol: { enum: names } } } },
  });
});

test('every property has a title and a description', () => {
  const properties = listProperties(schema);
  expect(properties.map(([key]) => key)).toEqual(
    expect.arrayContaining([
      '$schema',
      'rules',
      'host',
      'url',
      'allow',
      'token',
      'password',
      'command',
      'lifetime',
      'region',
    ]),
  );
  for (const [key, property] of properties) {
    expect(property, key).toMatchObject({ title: expect.any(String), description: expect.any(String) });
  }
});

const rule = { protocol: 'file', to: 'a.example' };
const good: readonly unknown[] = [
  parse(example),
  { $schema: 'https://unpkg.com/turnout/dist/schema.json', rules: [rule] },
  { rules: [{ protocol: 'file', to: [{ url: 'a.example', auth: { token: '${TOKEN}' } }, 'b.example'] }] },
  { rules: [{ ...rule, auth: { username: '${TOKEN}', password: '${PASSWORD}' } }] },
  ...['client', 'ecr', { ecr: {} }, { ecr: { region: 'eu-central-1' } }, { command: ['pass', ''] }].map(
    (auth) => ({
      rules: [{ ...rule, auth, to: { url: 'a.example', auth } }],
    }),
  ),
  { rules: [{ ...rule, auth: { command: ['aws'], username: 'AWS', lifetime: '12h' } }] },
];
const bad: readonly unknown[] = [
  null,
  [],
  {},
  { rules: [] },
  { rules: [rule], version: 1 },
  { rules: [{}] },
  { rules: [{ ...rule, protocol: 'docker' }] },
  { rules: [{ ...rule, name: '' }] },
  { rules: [{ ...rule, name: 1 }] },
  { rules: [{ ...rule, host: [1] }] },
  { rules: [{ ...rule, to: { url: 'a.example', height: 3 } }] },
  { rules: [{ ...rule, to: [['a.example']] }] },
  { rules: [{ ...rule, status: 300 }] },
  { rules: [{ ...rule, mode: 'Proxy' }] },
  { rules: [{ ...rule, downgrade: 'true' }] },
  { rules: [{ ...rule, auth: { username: 'a' } }] },
  { rules: [{ ...rule, auth: { token: 'a b' } }] },
  { rules: [{ ...rule, auth: { username: 'a', password: 'b', token: 'c' } }] },
  ...['Client', '', ['ecr'], { ecr: 'eu-central-1' }, { ecr: { region: 'Frankfurt' } }].map((auth) => ({
    rules: [{ ...rule, auth }],
  })),
  ...[
    { command: 'aws' },
    { command: [] },
    { command: [1] },
    { command: ['aws'], lifetime: '12' },
    { command: ['aws'], password: 'x' },
  ].map((auth) => ({ rules: [{ ...rule, auth }] })),
];

test.each(good)('editors and the loader accept %j', (data) => {
  expect(validate(data), JSON.stringify(validate.errors)).toBe(true);
  expect(
    issuesOf(JSON.stringify(data), { env: exampleEnv, protocols: exampleProtocols, commands: true }),
  ).toEqual([]);
});

test.each(bad)('editors and the loader refuse %j', (data) => {
  expect(validate(data)).toBe(false);
  expect(issuesOf(JSON.stringify(data), { protocols: exampleProtocols, commands: true })).toHaveLength(1);
});

/** Lists the properties of every object schema in a schema. */
function listProperties(value: unknown): readonly (readonly [key: string, property: unknown])[] {
  if (typeof value !== 'object' || value === null) return [];
  // What chooses a form is no property to write.
  if ('const' in value) return [];
  const own =
    'properties' in value
      ? Object.entries(value.properties ?? {}).filter(([, own]) => !('const' in own))
      : [];
  return [...own, ...Object.values(value).flatMap(listProperties)];
}
