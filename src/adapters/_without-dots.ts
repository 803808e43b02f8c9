/**
 * A path without its segments `.`, which stand for the folder itself (RFC 3986 §5.2.4): apt writes them raw in the
 * addresses of flat repositories, `/deb/./Packages`. Any other spelling, and `..`, stays for the core to refuse.
 */
export function withoutDots(path: string): string {
  return path.includes('/./') ? path.replace(/\/(?:\.\/)+/g, '/') : path;
}
