import type { Client } from './client.ts';
import { containerClients } from './containers.ts';
import { languageClients } from './languages.ts';
import { systemClients } from './systems.ts';

/** Every client that is known, by its name. */
export const clients: readonly Client[] = [...containerClients, ...languageClients, ...systemClients].sort(
  (a, b) => (a.name < b.name ? -1 : 1),
);
