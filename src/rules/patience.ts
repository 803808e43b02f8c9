/** How long a text that may be half written must stay as it is, in milliseconds. */
const PATIENCE = 1000;

/** Makes what holds back a text that stops where a half-written one could, until it has stayed as it is. */
export function createPatience(): (text: string, before: string) => boolean {
  let held: string | undefined;
  let since = 0;
  return (text, before) => {
    const complete = !before.startsWith(text) && (text.endsWith('\n') || !before.endsWith('\n'));
    if (complete) return true;
    if (text !== held) [held, since] = [text, performance.now()];
    return performance.now() - since >= PATIENCE;
  };
}
