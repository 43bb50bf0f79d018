/** Light, dark, or the setting of the system. */
export type Theme = 'system' | 'light' | 'dark';

const key = 'im-theme';

export function readTheme(): Theme {
  try {
    const theme = localStorage.getItem(key);
    return theme === 'light' || theme === 'dark' ? theme : 'system';
  } catch {
    // Storage is disabled.
    return 'system';
  }
}

/** Applies a theme, and saves it for all pages of this browser. */
export function applyTheme(theme: Theme): void {
  if (theme === 'system') delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme;
  try {
    localStorage.setItem(key, theme);
  } catch {
    // Storage is disabled: the theme is not saved.
  }
}
