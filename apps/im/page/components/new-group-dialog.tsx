import { useState } from 'react';
import type { ConversationBody } from '../../shared/http-api.ts';
import { limits } from '../../shared/limits.ts';
import { Dialog } from './dialog.tsx';
import { Field } from './field.tsx';
import { FriendChoice } from './friend-choice.tsx';
import { useMessengerContext, useMessengerState } from './messenger-context.ts';
import { ProblemLine } from './problem-line.tsx';
import { useTask } from './use-task.ts';

/** Creates a group with some friends. */
export function NewGroupDialog({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  const { messenger, open } = useMessengerContext();
  const { relations } = useMessengerState();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const task = useTask(async (name: string) => {
    const body = { name, userIds: [...chosen] };
    const answer = await messenger.api.post<ConversationBody>('/api/groups', body);
    messenger.store.dispatch({ type: 'conversation', ...answer });
    onClose();
    open(answer.conversation.id);
  });
  return (
    <Dialog title="New group" onClose={onClose}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const name = new FormData(event.currentTarget).get('name');
          task.run(typeof name === 'string' ? name : '').catch(() => undefined);
        }}
      >
        <Field label="Name" name="name" required maxLength={limits.groupName} autoComplete="off" />
        <FriendChoice friends={relations?.friends ?? []} chosen={chosen} onChange={setChosen} />
        <ProblemLine problem={task.problem} />
        <button type="submit" className="primary wide" disabled={task.isRunning}>
          Create group
        </button>
      </form>
    </Dialog>
  );
}
