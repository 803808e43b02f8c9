import { describe, expectTypeOf, test } from 'vitest';

import {
  type CompiledRule,
  compileRules,
  type Decision,
  type Delivery,
  decide,
  type Protocol,
  type RequestDescriptor,
  type Rule,
  type RuleConfig,
  type RuleSet,
  rule,
} from '../../src/index.ts';
import { type FileResource, file } from '../../src/protocols/file.ts';
import { type NpmResource, npm } from '../../src/protocols/npm.ts';
import { type OciResource, oci } from '../../src/protocols/oci.ts';

const request: RequestDescriptor = { method: 'GET', scheme: 'https', host: 'get.acme.example', path: '/' };

describe('a rule', () => {
  test('has the resources of its protocol', () => {
    expectTypeOf(rule(oci, { to: 'ghcr.io' })).toEqualTypeOf<Rule<OciResource>>();
    expectTypeOf(rule(npm, {}).protocol).toEqualTypeOf<Protocol<NpmResource>>();
    expectTypeOf(rule(file, {}).protocol.parse(request)).toEqualTypeOf<FileResource | undefined>();
    // @ts-expect-error A rule of images is none of files.
    expectTypeOf(rule<FileResource>(oci, {})).toEqualTypeOf<Rule<FileResource>>();
  });

  test('may be in a set with rules of other protocols', () => {
    expectTypeOf(
      compileRules([rule(oci, { to: 'ghcr.io' }), rule(npm, { to: 'x.example' })]),
    ).toEqualTypeOf<RuleSet>();
    expectTypeOf<RuleSet['rules']>().toEqualTypeOf<readonly CompiledRule[]>();
  });

  test('has a protocol', () => {
    // @ts-expect-error The protocol, not its name.
    rule('oci', { to: 'ghcr.io' });
    // @ts-expect-error The protocol comes first.
    rule({ to: 'ghcr.io' });
    // @ts-expect-error A configuration alone is no rule.
    compileRules([{ to: 'ghcr.io' }]);
  });
});

describe('an option', () => {
  test('is one that there is', () => {
    // @ts-expect-error `hosts`
    rule(oci, { hosts: ['get.acme.example'], to: 'ghcr.io' });
    // @ts-expect-error `target`
    rule(oci, { target: 'ghcr.io' });
    // @ts-expect-error `protocol` comes first.
    rule(oci, { protocol: oci, to: 'ghcr.io' });
    // @ts-expect-error `weigth`
    rule(oci, { to: { url: 'ghcr.io', weigth: 1 } });
  });

  test('has a value of its type', () => {
    // @ts-expect-error
    rule(oci, { to: 5 });
    // @ts-expect-error
    rule(oci, { to: [['ghcr.io']] });
    // @ts-expect-error No address.
    rule(oci, { to: {} });
    // @ts-expect-error
    rule(oci, { to: 'ghcr.io', host: 1 });
    // @ts-expect-error A regular expression is no pattern.
    rule(oci, { to: 'ghcr.io', match: /acme/ });
    // @ts-expect-error
    rule(oci, { to: 'ghcr.io', mode: 'stream' });
    // @ts-expect-error A status that is no redirect.
    rule(oci, { to: 'ghcr.io', status: 304 });
    // @ts-expect-error
    rule(oci, { to: 'ghcr.io', downgrade: 'yes' });
    // @ts-expect-error
    rule(oci, { to: 'ghcr.io', query: 'merge' });
    // @ts-expect-error A name without a password.
    rule(oci, { to: 'ghcr.io', auth: { username: 'robot' } });
    // @ts-expect-error
    rule(oci, { to: { url: 'ghcr.io', allow: 'ghcr.io' } });
  });

  test('may be undefined, for what is computed', () => {
    const config: RuleConfig = {
      name: undefined,
      host: undefined,
      at: undefined,
      match: undefined,
      to: undefined,
      mode: undefined,
      auth: undefined,
    };
    expectTypeOf(rule(file, config)).toEqualTypeOf<Rule<FileResource>>();
  });

  test('may be read-only', () => {
    const hosts = ['a.example', '*.a.example'] as const;
    const to = [{ url: 'ghcr.io', auth: { token: 'x' } }, 'quay.io'] as const;
    expectTypeOf(rule(oci, { host: hosts, to })).toEqualTypeOf<Rule<OciResource>>();
  });
});

describe('a protocol', () => {
  test('writes what it reads', () => {
    const least = {
      name: 'least',
      subjects: 'name' as const,
      parse: () => ({ type: 'least', id: 1 }),
      subject: () => undefined,
      deliver: (): Delivery => ({ type: 'redirect', status: 302 }),
      refuse: () => ({ status: 404, headers: {}, body: '' }),
      usage: () => '',
    };
    expectTypeOf({ ...least, format: () => '/' }).toExtend<
      Protocol<{ readonly type: string; readonly id: number }>
    >();
    // @ts-expect-error Without `format`.
    rule<{ readonly type: string; readonly id: number }>(least, {});
    // @ts-expect-error A resource without a type.
    rule<{ readonly type: string }>({ ...least, format: () => '/', parse: () => ({ id: 1 }) }, {});
    // @ts-expect-error A path that is none.
    rule<{ readonly type: string }>({ ...least, format: () => 1 }, {});
    const written = { ...least, format: () => '/' };
    // @ts-expect-error A status that is no redirect.
    rule<{ readonly type: string }>({ ...written, deliver: () => ({ type: 'redirect', status: 200 }) }, {});
  });

  test('answers with a resource of one of its types', () => {
    expectTypeOf<ReturnType<typeof oci.parse>>().toEqualTypeOf<OciResource | undefined>();
    // @ts-expect-error No type of this protocol.
    oci.format({ type: 'packument', name: 'left' });
    // @ts-expect-error A blob has a digest.
    oci.format({ type: 'blob', name: 'left', reference: 'x' });
  });
});

describe('a decision', () => {
  test('is told by its type', () => {
    const decision = decide(compileRules([]), request);
    expectTypeOf(decision).toEqualTypeOf<Decision>();
    if (decision.type === 'redirect') expectTypeOf(decision.location).toBeString();
    if (decision.type === 'proxy')
      expectTypeOf(decision.delivery).toEqualTypeOf<'stream' | 'rewrite' | 'relay'>();
    if (decision.type === 'respond') expectTypeOf(decision.status).toBeNumber();
    // @ts-expect-error What passes leads nowhere.
    if (decision.type === 'pass') decision.location;
  });

  test('needs a whole request', () => {
    // @ts-expect-error Without a host.
    decide(compileRules([]), { method: 'GET', scheme: 'https', path: '/' });
    // @ts-expect-error A scheme that nobody serves.
    decide(compileRules([]), { ...request, scheme: 'ftp' });
  });
});
