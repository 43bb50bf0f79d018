/** A line that is shown for a few seconds. */
export interface Notice {
  readonly id: number;
  readonly text: string;
}

/** What somebody should know and that has no place of its own; read out when there is time. */
export function Notices({ notices }: { readonly notices: readonly Notice[] }): React.JSX.Element {
  return (
    <div className="notices" role="status" aria-live="polite">
      {notices.map(({ id, text }) => (
        <p key={id}>{text}</p>
      ))}
    </div>
  );
}
