import { openLayoutClient } from './layout-client.ts';
import type { OciClient, OciClientOptions } from './oci-client.ts';

/** Opens oras, which copies an image without asking for `/v2/` first. */
export function openOras(options?: OciClientOptions): Promise<OciClient> {
  const copy = (reference: string, folder: string): string[] => {
    return ['copy', '--from-plain-http', reference, '--to-oci-layout', `${folder}:pulled`];
  };
  return openLayoutClient({ command: 'oras', copy, login: ['login', '--plain-http'] }, options);
}
