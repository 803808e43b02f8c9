import type { IncomingMessage, ServerResponse } from 'node:http';

import { type RecordingServer, startRecordingServer } from '../lab/recording-server.ts';
import { type TerraformRelease, VERSION } from './terraform-release.ts';

/** How a registry is laid out. */
export interface TerraformLayout {
  /** The address that it listens on. */
  readonly address: string;
  /** Where its service of providers is, and that of modules. */
  readonly providers: string;
  readonly modules: string;
  /** The namespace that it has everything in. */
  readonly namespace: string;
  /** Where its files are; relative addresses are relative to the documents. */
  readonly files: string;
  /** The token that it wants. */
  readonly token?: string;
}

/** The one of HashiCorp: services below `/v1/`, files elsewhere. */
export const PUBLIC_LAYOUT: TerraformLayout = {
  address: '127.0.0.2',
  providers: '/v1/providers/',
  modules: '/v1/modules/',
  namespace: 'acme',
  files: '/releases/',
};

/** One like HCP Terraform's: services elsewhere, another namespace, files of another name. */
export const OTHER_LAYOUT: TerraformLayout = {
  address: '127.0.0.3',
  providers: '/api/registry/v1/providers/',
  modules: '/api/registry/v1/modules/',
  namespace: 'acme-inc',
  files: '/_archivist/v1/object/',
};

/** Starts a registry that has one provider, `tool`, and one module, `vpc/aws`; and a mirror of the provider. */
export async function startTerraformRegistry(
  release: TerraformRelease,
  platform: string,
  layout: TerraformLayout,
): Promise<RecordingServer> {
  const { namespace, files, token } = layout;
  const provider = `${layout.providers}${namespace}/tool`;
  const module = `${layout.modules}${namespace}/vpc/aws`;
  const [os = '', arch = ''] = platform.split('/');
  const versions = { versions: [{ version: VERSION, protocols: ['5.0'], platforms: [{ os, arch }] }] };
  const mirror = '/mirror/registry.terraform.io/acme/tool';
  const { shasum, filename } = release;
  const documents: Readonly<Record<string, object>> = {
    '/.well-known/terraform.json': { 'providers.v1': layout.providers, 'modules.v1': layout.modules },
    [`${provider}/versions`]: versions,
    [`${provider}/${VERSION}/download/${platform}`]: {
      protocols: ['5.0'],
      ...{ os, arch, filename, shasum },
      download_url: `${files}0a1b`,
      shasums_url: `${files}2c3d`,
      shasums_signature_url: `${files}4e5f`,
      signing_keys: { gpg_public_keys: [{ key_id: release.keyId, ascii_armor: release.publicKey }] },
    },
    [`${module}/versions`]: { modules: [{ versions: [{ version: VERSION }] }] },
    [`${mirror}/index.json`]: { versions: { [VERSION]: {} } },
    [`${mirror}/${VERSION}.json`]: {
      archives: { [platform.replace('/', '_')]: { url: `${files}0a1b`, hashes: [`zh:${shasum}`] } },
    },
  };
  const bodies: Readonly<Record<string, Buffer>> = {
    [`${files}0a1b`]: release.archive,
    [`${files}2c3d`]: release.sums,
    [`${files}4e5f`]: release.signature,
    [`${files}module.tgz`]: release.module,
  };
  return startRecordingServer(layout.address, (request: IncomingMessage, response: ServerResponse) => {
    const path = request.url ?? '';
    const open = path === '/.well-known/terraform.json';
    if (token !== undefined && !open && request.headers.authorization !== `Bearer ${token}`) {
      response.writeHead(401, { 'content-type': 'application/json' }).end('{"errors":["Unauthorized"]}');
    } else if (documents[path]) {
      response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(documents[path]));
    } else if (path === `${module}/${VERSION}/download`) {
      response.writeHead(204, { 'x-terraform-get': `${files}module.tgz//module` }).end();
    } else if (bodies[path]) {
      response.writeHead(200, { 'content-type': 'application/octet-stream' }).end(bodies[path]);
    } else {
      response.writeHead(404, { 'content-type': 'application/json' }).end('{"errors":["Not Found"]}');
    }
  });
}
