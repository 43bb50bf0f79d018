/** Moves the focus between the buttons of a list with the arrow keys, Home and End. */
export function moveFocus(event: React.KeyboardEvent<HTMLElement>): void {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const buttons = [...event.currentTarget.querySelectorAll<HTMLElement>('button:not(:disabled)')];
  const index = buttons.indexOf(document.activeElement as HTMLElement);
  const target = toTarget(event.key, index, buttons.length);
  if (target === undefined) return;
  event.preventDefault();
  buttons[target]?.focus();
}

function toTarget(key: string, index: number, length: number): number | undefined {
  switch (key) {
    case 'ArrowDown':
      return Math.min(length - 1, index + 1);
    case 'ArrowUp':
      return Math.max(0, index - 1);
    case 'Home':
      return 0;
    case 'End':
      return length - 1;
    default:
      return undefined;
  }
}
