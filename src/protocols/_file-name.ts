/**
 * The name of a package's file: what names and versions are made of, of which mirrors and proxies encode `+`, `:`, `@`
 * and `~`.
 */
export const FILE_NAME: RegExp = /^(?:[\w@.+~:-]|%(?:2[Bb]|3[Aa]|40|7[Ee]))+$/;
