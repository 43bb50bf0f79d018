import { useEffect, useState } from 'react';
import type { ConversationBody, InvitationPreviewBody } from '../../shared/http-api.ts';
import { toProblem } from '../client/api.ts';
import type { Problem } from '../store/outgoing.ts';
import { count } from '../text/words.ts';
import { Avatar } from './avatar.tsx';
import { Dialog } from './dialog.tsx';
import { useMessengerContext } from './messenger-context.ts';
import { ProblemLine } from './problem-line.tsx';
import { useTask } from './use-task.ts';

interface InvitationDialogProps {
  readonly code: string;
  readonly onClose: () => void;
}

/** The group of an invitation. */
export function InvitationDialog({ code, onClose }: InvitationDialogProps): React.JSX.Element {
  const { messenger, open } = useMessengerContext();
  const [group, setGroup] = useState<InvitationPreviewBody | null>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const path = `/api/invitations/${code}`;
  useEffect(() => {
    messenger.api.get<InvitationPreviewBody>(path).then(setGroup, (error: unknown) => {
      setProblem(toProblem(error));
    });
  }, [messenger, path]);
  const task = useTask(async (preview: InvitationPreviewBody) => {
    if (!preview.joined) {
      const answer = await messenger.api.post<ConversationBody>(`${path}/join`);
      messenger.store.dispatch({ type: 'conversation', ...answer });
    }
    onClose();
    open(preview.conversationId);
  });
  return (
    <Dialog title="Invitation" onClose={onClose}>
      <ProblemLine problem={problem ?? task.problem} />
      {group !== null && (
        <div className="invitation">
          <Avatar id={group.conversationId} name={group.name} size="large" />
          <p className="invitation-name">
            <bdi>{group.name}</bdi>
          </p>
          <p className="soft">{count(group.memberCount, 'member')}</p>
          <button
            type="button"
            className="primary wide"
            disabled={task.isRunning}
            onClick={() => task.run(group).catch(() => undefined)}
          >
            {group.joined ? 'Open the group' : 'Join the group'}
          </button>
        </div>
      )}
    </Dialog>
  );
}
