/**
 * What fetches credentials for upstreams whose passwords expire.
 *
 * @module
 */
export type {
  Credential,
  CredentialAudience,
  CredentialProvider,
  ProvidedCredential,
} from '../../core/credential.ts';
export { type CommandCredentialOptions, commandCredential } from './command.ts';
export { type EcrAuthorization, type EcrClient, type EcrCredentialOptions, ecrCredential } from './ecr.ts';
