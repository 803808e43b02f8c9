/** Calls what an application gave us; that it throws, or rejects, is no reason to fail a download. */
export function callHook(hook: () => unknown): void {
  try {
    const result = hook();
    if (result instanceof Promise) result.catch(() => {});
  } catch {
    // As above.
  }
}
