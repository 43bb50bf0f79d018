// @ts-check

/**
 * Keeps a value over a reload of this tab. Another tab is another person, hence not localStorage.
 *
 * @param {string} key
 * @param {unknown} value
 */
export function remember(key, value) {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage may be switched off or full: the chat works without, it only asks for a name again.
  }
}

/**
 * What `remember` kept; null when there is nothing.
 *
 * @param {string} key
 * @returns {unknown}
 */
export function recall(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? 'null');
  } catch {
    // Switched off, or not written by this page.
    return null;
  }
}
