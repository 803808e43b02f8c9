import type { UpstreamDocument } from '../core/protocol.ts';
import { prefixOf } from './_cargo-index.ts';

/** What is read of a registry's `config.json`. */
export interface CargoConfig {
  /** The status that it came with; without 200 there is nothing in it. */
  readonly status: number;
  /** Where crates are: an address, with markers or without. */
  readonly dl: string;
  /** Where the web API is, if there is one. */
  readonly api?: string;
}

/** How long a `config.json` is taken for true, in seconds. */
export const CONFIG_LIFETIME: number = 60;

/** The longest `config.json`, in characters; the usual ones have less than two hundred. */
const LONGEST = 65_536;

/** Reads a registry's `config.json`. Throws when it is none. */
export async function readCargoConfig({ status, body }: UpstreamDocument): Promise<CargoConfig> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    if (status !== 200) break;
    text += decoder.decode(chunk, { stream: true });
    if (text.length > LONGEST) throw new Error(`config.json is longer than ${LONGEST} characters.`);
  }
  if (status !== 200) return { status, dl: '' };
  const { dl, api } = JSON.parse(text) as Readonly<Record<string, unknown>>;
  if (typeof dl !== 'string') throw new Error('config.json has no `dl`.');
  return { status, dl, ...(typeof api === 'string' && api !== '' && { api }) };
}

/** Fills in the markers of `dl`, or appends the default path (registry index, "Index configuration"). */
export function expandDownload(dl: string, name: string, version: string, checksum: string): string {
  const prefix = prefixOf(name);
  const values: Readonly<Record<string, string>> = {
    '{crate}': name,
    '{version}': version,
    '{prefix}': prefix,
    '{lowerprefix}': prefix.toLowerCase(),
    '{sha256-checksum}': checksum,
  };
  const filled = dl.replace(/\{[a-z\d-]+\}/g, (marker) => values[marker] ?? marker);
  return filled === dl ? `${dl}/${name}/${version}/download` : filled;
}
