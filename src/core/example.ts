import type { CompiledRule } from './compiled-rule.ts';
import { flatten, parseTemplate } from './path.ts';
import type { PatternToken } from './pattern.ts';
import { joinParameters, parseUriTemplate } from './uri-template.ts';

/** Writes the first pattern of a rule with its variables as a reader fills them in: `/cli/<version>/acme-<platform>.tar.gz`. */
export function writeExample({ match, syntax, protocol }: CompiledRule): string {
  const start = protocol.subjects === 'path' ? '/' : '';
  const [pattern] = match;
  if (pattern === undefined || syntax === 'regexp') return `${start}<name>`;
  if (syntax === 'rfc6570') {
    const { path, query } = parseUriTemplate(pattern);
    const text = writeTokens(flatten(path)[0]);
    return query.length === 0 ? text : `${text}?${writeTokens(flatten(joinParameters(query))[0])}`;
  }
  const [path = '', query] = pattern.split('?');
  const text = writeTokens(flatten(parseTemplate(path))[0]);
  return query === undefined ? text : `${text}?${query.replace(/[:*](\w+)/g, '<$1>')}`;
}

function writeTokens(tokens: readonly PatternToken[] = []): string {
  return tokens
    .map((token) =>
      token.type === 'text' ? token.value : `<${/^\d/.test(token.name) ? 'name' : token.name}>`,
    )
    .join('');
}
