/**
 * JSR, the registry of JavaScript modules: what deno imports as `jsr:@scope/name`.
 *
 * @see https://jsr.io/docs/api
 * @module
 */
import { definePath } from '../core/path.ts';
import { refusePlainly } from '../core/plain-refusal.ts';
import type { Protocol } from '../core/protocol.ts';

/** The versions of a package: `/@<scope>/<name>/meta.json`. */
export interface JsrPackage {
  /** The kind of resource. */
  readonly type: 'package';
  /** The package's name, with its scope. */
  readonly name: string;
}

/** What one version consists of, with a checksum of each file: `/@<scope>/<name>/<version>_meta.json`. */
export interface JsrVersion {
  /** The kind of resource. */
  readonly type: 'version';
  /** The package's name, with its scope. */
  readonly name: string;
  /** The version. */
  readonly version: string;
}

/** A file of a version: `/@<scope>/<name>/<version>/<path>`. */
export interface JsrModule {
  /** The kind of resource. */
  readonly type: 'module';
  /** The package's name, with its scope. */
  readonly name: string;
  /** The version. */
  readonly version: string;
  /** The path of the file below the version, percent-encoded. */
  readonly path: string;
}

/** Anything that a client asks of JSR. */
export type JsrResource = JsrPackage | JsrVersion | JsrModule;

const packagePath = definePath<{ scope: string; name: string; file: string }>('/@:scope/:name/:file');
const modulePath = definePath<{ scope: string; name: string; version: string; path: string }>(
  '/@:scope/:name/:version/*path',
);

// JSR, "Packages": lower-case letters, digits and hyphens, starting with a letter or digit.
const PART = /^[a-z\d][a-z\d-]*$/;
const VERSION = /^\d+\.\d+\.\d+(?:[-+][\w.+-]*)?$/;
const META = '_meta.json';

/** The protocol of JSR. */
export const jsr: Protocol<JsrResource> = {
  name: 'jsr',
  subjects: 'name',

  parse({ method, path }) {
    if (method !== 'GET' && method !== 'HEAD') return undefined;
    const found = packagePath.read(path);
    if (found) return parseMeta(found);
    const file = modulePath.read(path);
    if (!file || !isPackage(file) || !VERSION.test(file.version)) return undefined;
    return { type: 'module', name: `@${file.scope}/${file.name}`, version: file.version, path: file.path };
  },

  format(resource) {
    switch (resource.type) {
      case 'package':
        return `/${resource.name}/meta.json`;
      case 'version':
        return `/${resource.name}/${resource.version}${META}`;
      case 'module':
        return `/${resource.name}/${resource.version}/${resource.path}`;
    }
  },

  subject: ({ name }) => name,

  // Deno takes no redirect from JSR ("Redirects in the JSR registry are not supported"); modules are small.
  deliver: () => ({ type: 'proxy', delivery: 'stream' }),

  refuse: refusePlainly,

  usage: (subject, publicUrl) => `JSR_URL=${publicUrl}/ deno add jsr:${subject}`,
};

function parseMeta(found: { scope: string; name: string; file: string }): JsrResource | undefined {
  if (!isPackage(found)) return undefined;
  const { file } = found;
  const name = `@${found.scope}/${found.name}`;
  if (file === 'meta.json') return { type: 'package', name };
  const version = file.endsWith(META) ? file.slice(0, -META.length) : '';
  return VERSION.test(version) ? { type: 'version', name, version } : undefined;
}

function isPackage({ scope, name }: { readonly scope: string; readonly name: string }): boolean {
  return PART.test(scope) && PART.test(name);
}
