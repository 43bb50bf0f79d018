// @ts-check

/**
 * Saves a value for reloads of this tab. Not in localStorage, because each tab is a separate person.
 *
 * @param {string} key
 * @param {unknown} value
 */
export function save(key, value) {
  try {
    sessionStorage.setItem(key, JSON.stringify(value));
  } catch {
    // Storage is disabled or full: the page asks for the name again after a reload.
  }
}

/**
 * Loads a saved value; null if there is none.
 *
 * @param {string} key
 * @returns {unknown}
 */
export function load(key) {
  try {
    return JSON.parse(sessionStorage.getItem(key) ?? 'null');
  } catch {
    // Storage is disabled, or the value was not written by this page.
    return null;
  }
}
