/** A name and what proves it. */
export interface UserAndPassword {
  /** The name of the user. */
  readonly username: string;
  /** The password. */
  readonly password: string;
}

/** Decodes `user:password` in base64, as ECR gives it; `undefined` when it is nothing of the kind. */
export function decodeUserAndPassword(text: unknown): UserAndPassword | undefined {
  if (typeof text !== 'string') return undefined;
  try {
    const [, username, password] = /^([^:]+):(.+)$/s.exec(atob(text)) ?? [];
    return username === undefined || password === undefined ? undefined : { username, password };
  } catch {
    // It is no base64.
    return undefined;
  }
}
