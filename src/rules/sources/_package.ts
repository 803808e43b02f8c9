/**
 * Imports a package that only who uses it installs.
 *
 * @throws Error It is not installed; the message says how to.
 */
export async function importPackage<T>(name: string, purpose: string): Promise<T> {
  try {
    // Not written where it is imported: bundlers would look for a package that most have no use for.
    const module = await import(/* webpackIgnore: true */ /* @vite-ignore */ name);
    return { ...module.default, ...module } as T;
  } catch (error) {
    const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
    const missing = /MODULE_NOT_FOUND$/.test(String(code)) && String(message).includes(name);
    if (!missing) throw error;
    throw new Error(`${purpose} need the package \`${name}\`; run \`npm install ${name}\`.`);
  }
}
