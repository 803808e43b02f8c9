import { rule } from '../../dist/index.js';
import { file } from '../../dist/protocols/file.js';
import { npm } from '../../dist/protocols/npm.js';
import { oci } from '../../dist/protocols/oci.js';

const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;

/** One kind of rule each: the rule of a number, a request that it takes, and one that it nearly takes. */
const image = (id) => ({
  rule: rule(oci, { match: `team-${id % 97}/service-${id}`, to: `quay.io/acme-inc/service-${id}` }),
  path: `/v2/team-${id % 97}/service-${id}/blobs/${digest}`,
  near: `/v2/team-${id % 97}/service-${id}x/blobs/${digest}`,
});
const namespace = (id) => ({
  rule: rule(oci, { match: `lib-${id}/*image`, to: `quay.io/lib-${id}/*image` }),
  path: `/v2/lib-${id}/tools/linter/blobs/${digest}`,
  near: `/v2/lib-${id}x/tools/linter/blobs/${digest}`,
});
const template = (id) => ({
  rule: rule(file, {
    match: `/tool${id}-:platform-:version.tar.gz`,
    to: `https://downloads.example/tool${id}/releases/:version/tool${id}-:platform.tar.gz`,
  }),
  path: `/tool${id}-linux_amd64-1.${id % 10}.0.tar.gz`,
  near: `/tool${id}-linux_amd64-1.${id % 10}.0.tar.xz`,
});
const npmPackage = (id) => ({
  rule: rule(npm, { at: '/npm/', match: `@acme-${id % 89}/package-${id}`, to: 'https://npm.example' }),
  path: `/npm/@acme-${id % 89}/package-${id}/-/package-${id}-2.${id % 10}.1.tgz`,
  near: `/npm/@acme-${id % 89}/package-${id}x/-/package-${id}x-2.${id % 10}.1.tgz`,
});
const exactFile = (id) => ({
  rule: rule(file, { match: `/install/script-${id}.sh`, to: `https://downloads.example/scripts/${id}.sh` }),
  path: `/install/script-${id}.sh`,
  near: `/install/script-${id}.bash`,
});

// 40 % images, 10 % whole namespaces, 30 % templates, 15 % npm packages, 5 % exact files.
const mix = [
  ...[image, template, image, npmPackage, namespace, image, template, image, template, exactFile],
  ...[image, template, image, npmPackage, image, template, namespace, image, template, npmPackage],
];

/** Makes rules in the mix of the benchmark, for each a request that it takes, and as many that none takes. */
export function makeRules(count, hosts) {
  const rules = [];
  const hits = [];
  const misses = [];
  for (let id = 0; id < count; id++) {
    const host = `get-${Math.floor((id * hosts) / count)}.acme.example`;
    const { rule, path, near } = mix[id % mix.length](id);
    rules.push({ ...rule, host, name: `rule-${id}` });
    hits.push({ host, path, rule: `rule-${id}` });
    const miss = [
      { host: `other-${id}.example`, path },
      { host, path: `/no/rule/has/this-${id}.zip` },
      { host, path: near },
    ];
    misses.push(miss[id % miss.length]);
  }
  return { rules, hits, misses };
}

/** Shuffles a copy of a list, each time in the same way. */
export function shuffle(list) {
  const copy = [...list];
  let state = 1;
  for (let last = copy.length - 1; last > 0; last--) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const other = Math.floor((state / 2 ** 32) * (last + 1));
    [copy[last], copy[other]] = [copy[other], copy[last]];
  }
  return copy;
}
