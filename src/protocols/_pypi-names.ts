/** A name as a project writes it (PEP 508). */
const NAME = /^[A-Za-z\d](?:[\w.-]*[A-Za-z\d])?$/;
/** The files that a project can have: wheels, source distributions, and what there was before them. */
const FILE =
  /^[A-Za-z\d][\w.+!~-]*\.(?:whl|zip|tgz|tbz|txz|tlz|tar(?:\.[A-Za-z\d]{1,4})?|egg|exe|msi|dmg|deb|rpm)$/;

/** Tells whether a text is a project's name, in any spelling. */
export function isProject(text: string): boolean {
  return NAME.test(text);
}

/** The one spelling of a project's name (PEP 503, "Normalized Names"). */
export function normalize(name: string): string {
  return name.replace(/[-_.]+/g, '-').toLowerCase();
}

/** Reads the name of a file in a segment of a path; `undefined` when it is none. */
export function readFileName(segment: string): string | undefined {
  const name = decode(segment);
  return name !== undefined && FILE.test(name) ? name : undefined;
}

/** The file that an address is of, by the last segment of its path. */
export function fileAt(url: string): string | undefined {
  return readFileName(segmentsOf(url).at(-1) ?? '');
}

/**
 * The file that a provenance is of, which names it in some segment: `/integrity/<project>/<version>/<file>/provenance`
 * on pypi.org, or `<file>.provenance`.
 */
export function fileOfProvenance(url: string): string | undefined {
  for (const segment of segmentsOf(url).reverse()) {
    const file = readFileName(segment.replace(/\.provenance$/, ''));
    if (file !== undefined) return file;
  }
  return undefined;
}

function segmentsOf(url: string): string[] {
  return URL.canParse(url) ? new URL(url).pathname.split('/') : [];
}

function decode(segment: string): string | undefined {
  try {
    return decodeURIComponent(segment);
  } catch {
    return undefined;
  }
}

/** The version in the name of a wheel or a source distribution (PEP 427, PEP 625); `undefined` in others. */
export function versionOf(project: string, file: string): string | undefined {
  if (file.endsWith('.whl')) {
    const parts = file.slice(0, -4).split('-');
    return parts.length === 5 || parts.length === 6 ? parts[1] : undefined;
  }
  const name = file.replace(/\.(?:tar\.[A-Za-z\d]+|tgz|zip)$/, '');
  if (name === file) return undefined;
  // Names of old files have hyphens, and so may their versions.
  for (let at = name.indexOf('-'); at !== -1; at = name.indexOf('-', at + 1)) {
    if (normalize(name.slice(0, at)) === project) return name.slice(at + 1) || undefined;
  }
  return undefined;
}
