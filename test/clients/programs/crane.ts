import { openLayoutClient } from './layout-client.ts';
import type { OciClient, OciClientOptions } from './oci-client.ts';

/** Opens crane. */
export function openCrane(options?: OciClientOptions): Promise<OciClient> {
  const copy = (reference: string, folder: string): string[] => {
    return ['pull', '--insecure', '--format', 'oci', reference, folder];
  };
  return openLayoutClient({ command: 'crane', copy, login: ['auth', 'login'] }, options);
}
