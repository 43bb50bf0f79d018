/** Light, dark, or as the system has it. */
export type Theme = 'system' | 'light' | 'dark';

const key = 'im-theme';

export function readTheme(): Theme {
  try {
    const theme = localStorage.getItem(key);
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  } catch {
    // Storage is forbidden.
    return 'system';
  }
}

/** Shows a theme, and keeps it for all pages of this browser. */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(key, theme);
  } catch {
    // Storage is forbidden: it holds until the page is closed.
  }
}
