import type { Chat } from '../store/state.ts';
import { Dialog } from './dialog.tsx';
import { GroupDetails } from './group-details.tsx';
import { PersonDetails } from './person-details.tsx';

interface DetailsDialogProps {
  readonly chat: Chat;
  readonly onClose: () => void;
}

/** The members and actions of a conversation. */
export function DetailsDialog({ chat, onClose }: DetailsDialogProps): React.JSX.Element {
  const isGroup = chat.conversation.kind === 'group';
  return (
    <Dialog title={isGroup ? 'Group' : 'Person'} onClose={onClose}>
      {isGroup ? (
        <GroupDetails conversation={chat.conversation} onClose={onClose} />
      ) : (
        <PersonDetails conversation={chat.conversation} />
      )}
    </Dialog>
  );
}
