import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isRuleError } from '../../src/core/errors.ts';
import { parseRules } from '../../src/rules/index.ts';

/** Places of a rule in which a variable can stand, each with what else the rule needs to be wrong there. */
const templates = [
  'name: "${S}", to: a.example }, { protocol: file, name: "${S}", to: a.example',
  'name: "${S}", to: a.example, status: 1',
  'host: "${S}", to: a.example',
  'host: [b.example, "x/${S}"], to: a.example',
  'at: "${S}", to: a.example',
  'match: "${S}", to: a.example',
  'match: "/:a/${S}/:a", to: a.example',
  'match: "/:${S}", to: "a.example/:b"',
  'match: "/:a", to: "a.example/:${S}"',
  'match: "/:a", to: "a.example/${S}"',
  'to: "${S}"',
  'to: "${S}://a.example"',
  'to: "https://${S}/x"',
  'to: [a.example, "pre${S}post"]',
  'to: { url: "${S}", allow: ["${S}"] }',
  'host: "${S}.example", to: "${S}.example"',
  'to: a.example, mode: "${S}"',
  'to: a.example, status: "${S}"',
  'to: a.example, query: "${S}"',
  'to: a.example, auth: { token: "${S} ${S}" }',
  'to: a.example, auth: { username: "${S}:", password: "${S}\\n" }',
  'to: "http://a.example", auth: { username: "${S}", password: "${S}" }',
  'to: "${S}", auth: { user: "${S}" }',
  'to: a.example, auth: "${S}"',
  'to: a.example, auth: { ecr: "${S}" }',
  'to: a.example, auth: { ecr: { region: "${S}" } }',
  'to: a.example, auth: { command: ["${S}"], lifetime: "${S}" }',
  'to: a.example, auth: { command: ["a", "${S}"], username: "${S}:" }',
  'to: { url: "${S}", auth: { command: "${S}" } }',
  'protocol: "${S}", to: a.example',
] as const;

const shapes = [
  'hunter2-hunter2',
  'HUNTER2/x',
  'hunter2://hunter2',
  ':hunter2',
  '*hunter2',
  '{/hunter2}',
  '/hunter2`x`hunter2',
  'user:hunter2@a.example',
  'hunter2 \n $& $1',
  '${S}hunter2',
];

test.each(templates)('no message has what stands in `%s`', (template) => {
  for (const secret of shapes) {
    for (const message of messagesOf(template, secret))
      expect(message.toLowerCase(), secret).not.toContain('hunter2');
  }
});

test('no message has five characters of a secret in a row', () => {
  // Letters that no message and no rule has.
  const secret = fc.string({
    unit: fc.constantFrom('ж', 'ф', 'q', 'Z', '9', '/', ':', '*', '{', '}', '`', '"', ' '),
    minLength: 5,
  });
  fc.assert(
    fc.property(fc.constantFrom(...templates), secret, (template, value) => {
      for (const message of messagesOf(template, value)) {
        for (let start = 0; start + 5 <= value.length; start++)
          expect(message).not.toContain(value.slice(start, start + 5));
      }
    }),
    { numRuns: 200 },
  );
});

test('text is shown as the file has it when that tells enough', () => {
  expect(messagesOf('host: "x/${S}", to: a.example', 'hunter2')).toEqual([
    '`x/${S}` is more than a host; write the host alone and the path as `at`.',
  ]);
});

test('a message that would show a part of a value only names the variable', () => {
  expect(messagesOf('to: "${S}"', 'hunter2://a.example')).toEqual([
    'What `S` has in the environment is wrong here, and not shown because it may be secret; correct it where Turnout is started.',
  ]);
});

test('messages of other rules are left as they are', () => {
  expect(messagesOf('to: "${S}" }, { protocol: file, to: "ftp://b.example"', 'ftp.example')).toEqual([
    '`ftp:` is not a scheme that clients download from; write `https://…`.',
  ]);
});

/** The messages of all errors and warnings. */
function messagesOf(template: string, secret: string): readonly string[] {
  const text = `rules: [{ ${template.includes('protocol: "') ? '' : 'protocol: file, '}${template} }]`;
  try {
    return parseRules(text, { file: 'turnout.yaml', env: { S: secret } }).warnings.map(
      ({ message }) => message,
    );
  } catch (error) {
    if (!isRuleError(error)) throw error;
    expect(error.cause).toBeUndefined();
    return error.issues.map(({ message }) => message);
  }
}
