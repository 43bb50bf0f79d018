/** A text that is shown for a few seconds. */
export interface Notice {
  readonly id: number;
  readonly text: string;
}

/** Notices that belong to no part of the page; screen readers announce them. */
export function Notices({ notices }: { readonly notices: readonly Notice[] }): React.JSX.Element {
  return (
    <div className="notices" role="status" aria-live="polite">
      {notices.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
}
