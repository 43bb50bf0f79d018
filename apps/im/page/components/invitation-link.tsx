import { useRef, useState } from 'react';
import type { InvitationBody } from '../../shared/http-api.ts';
import { toDate } from '../text/times.ts';
import { IconButton } from './icon-button.tsx';
import { useMessengerContext } from './messenger-context.ts';
import { ProblemLine } from './problem-line.tsx';
import { useTask } from './use-task.ts';

/** Creates an invitation link for everyone. */
export function InvitationLink({ groupId }: { readonly groupId: string }): React.JSX.Element {
  const { messenger, notify } = useMessengerContext();
  const [invitation, setInvitation] = useState<InvitationBody | null>(null);
  const field = useRef<HTMLInputElement>(null);
  const task = useTask(async () => {
    const path = `/api/groups/${groupId}/invitations`;
    setInvitation(await messenger.api.post<InvitationBody>(path));
  });
  if (invitation === null) {
    return (
      <div className="invitation-link">
        <button
          type="button"
          className="secondary wide"
          disabled={task.isRunning}
          onClick={() => task.run().catch(() => undefined)}
        >
          Create an invitation link
        </button>
        <ProblemLine problem={task.problem} />
      </div>
    );
  }
  const link = new URL(invitation.path, location.origin).href;
  const copy = async () => {
    field.current?.select();
    // The clipboard needs HTTPS or localhost; otherwise the link stays selected.
    await navigator.clipboard?.writeText(link);
    notify('The link was copied.');
  };
  return (
    <div className="invitation-link">
      <div className="copy-row">
        <input
          ref={field}
          type="text"
          readOnly
          value={link}
          aria-label="Invitation link"
          onFocus={(event) => event.target.select()}
        />
        <IconButton icon="copy" label="Copy" onClick={() => copy().catch(() => undefined)} />
      </div>
      <p className="hint">{`For everyone with the link, until ${toDate(invitation.expiresAt)}.`}</p>
    </div>
  );
}
