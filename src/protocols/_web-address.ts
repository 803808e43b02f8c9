/** An address that a rule's options may lead browsers to: with its scheme and without a user name, in ASCII. */
export const WEB_ADDRESS: RegExp = /^https?:\/\/[a-z\d][a-z\d.-]*(?::\d{1,5})?(?:[/?#][!-~]*)?$/i;
