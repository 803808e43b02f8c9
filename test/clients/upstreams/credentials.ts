/** A user and a password of the lab. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** Whether an Authorization field carries exactly these credentials (RFC 7617). */
export function isBasic(header: string | undefined, { username, password }: Credentials): boolean {
  return header === `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}

/** The token of an Authorization field (RFC 6750). */
export function bearerToken(header: string | undefined): string | undefined {
  return /^Bearer (.+)$/i.exec(header ?? '')?.[1];
}
