import { escapeHtml } from '../core/html.ts';
import type { DownloadItem, DownloadRule, DownloadsList } from './_downloads-list.ts';

/** The style of the page, whose digest its policy names. */
export const STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #59636e; --line: #d5dae0; --paper: #fff; --card: #f6f8fa;
  --accent: #0b57d0; --on-accent: #fff; --note: #fff8c5; --note-line: #d4a72c; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6edf3; --soft: #9aa4af; --line: #3a424b; --paper: #0d1117; --card: #161b22;
    --accent: #8ab4f8; --on-accent: #0d1117; --note: #2d2509; --note-line: #8a6d1a; }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { max-width: 48rem; margin: 0 auto; padding: 2.5rem 1.25rem 4rem; }
h1 { margin: 0 0 .25rem; font-size: 2rem; line-height: 1.2; }
h2 { margin: 2.5rem 0 .75rem; font-size: 1.25rem; }
h3 { margin: 0; font-size: 1.05rem; overflow-wrap: anywhere; }
p { margin: .35rem 0; }
ul { list-style: none; margin: 0; padding: 0; }
li { margin: 0 0 .75rem; padding: 1rem 1.1rem; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
.yours { border-color: var(--accent); }
.head { display: flex; flex-wrap: wrap; gap: .25rem .75rem; align-items: center; justify-content: space-between; }
.soft { color: var(--soft); font-size: .9rem; }
.tag { display: inline-block; padding: 0 .5rem; border: 1px solid var(--line); border-radius: 1rem; font-size: .8rem; color: var(--soft); }
.yours .own { border-color: var(--accent); color: var(--accent); }
.get { padding: .4rem 1rem; border-radius: .4rem; background: var(--accent); color: var(--on-accent); font-weight: 600; text-decoration: none; }
a:focus-visible, pre:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
pre { margin: .6rem 0 0; padding: .6rem .8rem; overflow-x: auto; border: 1px solid var(--line); border-radius: .4rem; background: var(--paper);
  font: .9rem/1.45 ui-monospace, monospace; user-select: all; -webkit-user-select: all; }
.sum { overflow-wrap: anywhere; font: .8rem/1.4 ui-monospace, monospace; color: var(--soft); user-select: all; -webkit-user-select: all; }
.note { margin: .6rem 0 0; padding: .4rem .8rem; background: var(--note); border-left: 3px solid var(--note-line); border-radius: .2rem; }
`;

/** Writes the page: without scripts, and with nothing of another host. */
export function writePage({ title, description, items, rules }: DownloadsList): string {
  return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${description === undefined ? '' : `<p>${escapeHtml(description)}</p>\n`}${section('files', 'Files', items.map(writeItem))}${section(
  'rules',
  'How to get it',
  rules.map(writeRule),
)}</main>
</body>
</html>
`;
}

function section(id: string, title: string, entries: readonly string[]): string {
  if (entries.length === 0) return '';
  return `<section aria-labelledby="${id}">
<h2 id="${id}">${title}</h2>
<ul>
${entries.join('')}</ul>
</section>
`;
}

function writeItem(item: DownloadItem): string {
  const { title, version, description, platforms, suggested, url, sha256, install, notice } = item;
  const name = [title, version].filter((part) => part !== undefined).join(' ');
  const tags = platforms.map((platform) => `<span class="tag">${escapeHtml(platform)}</span>\n`).join('');
  const own = suggested ? '<span class="tag own">for your system</span>\n' : '';
  const label = escapeHtml(`Download ${[name, ...platforms].join(', ')}`);
  const link =
    url === undefined ? '' : `<a class="get" href="${escapeHtml(url)}" aria-label="${label}">Download</a>\n`;
  return `<li${suggested ? ' class="yours"' : ''}>
<div class="head">
<div><h3>${escapeHtml(name)}</h3>
${tags}${own}</div>
${link}</div>
${paragraph('', description)}${checksum(sha256)}${command(install)}${paragraph('note', notice)}</li>
`;
}

function writeRule({ rule, protocol, usage, notice }: DownloadRule): string {
  return `<li>
<div class="head">
<h3>${escapeHtml(rule)}</h3>
<span class="tag">${escapeHtml(protocol)}</span>
</div>
${command(usage)}${paragraph('note', notice)}</li>
`;
}

function paragraph(kind: string, text: string | undefined): string {
  if (text === undefined) return '';
  const open = kind === '' ? '<p>' : `<p class="${kind}">`;
  return `${open}${escapeHtml(text)}</p>\n`;
}

function checksum(digits: string | undefined): string {
  return digits === undefined
    ? ''
    : `<p class="soft">SHA-256 <code class="sum">${escapeHtml(digits)}</code></p>\n`;
}

/** A line that is marked whole when it is touched, which copies without a script; it scrolls by keyboard too. */
function command(text: string | undefined): string {
  if (text === undefined) return '';
  return `<pre tabindex="0" aria-label="Command"><code>${escapeHtml(text)}</code></pre>\n`;
}
