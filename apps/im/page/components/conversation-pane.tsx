import { useState } from 'react';
import type { Barrier } from '../../shared/model.ts';
import { friendOf, nicknameOf, otherOf, titleOf, typistsOf } from '../store/select.ts';
import type { Chat, State } from '../store/state.ts';
import { toLastSeen } from '../text/times.ts';
import { count, list } from '../text/words.ts';
import { Avatar } from './avatar.tsx';
import { Composer } from './composer.tsx';
import { DetailsDialog } from './details-dialog.tsx';
import { IconButton } from './icon-button.tsx';
import { MessageList } from './message-list.tsx';
import { useMessengerContext, useMessengerState } from './messenger-context.ts';
import { PictureDrop } from './picture-drop.tsx';
import { useAttachments } from './use-attachments.ts';

/** The open conversation. */
export function ConversationPane({ chat }: { readonly chat: Chat }): React.JSX.Element {
  const state = useMessengerState();
  const { open } = useMessengerContext();
  const [isDetailed, setDetailed] = useState(false);
  const attachments = useAttachments();
  const { conversation } = chat;
  const title = titleOf(state, conversation);
  const other = otherOf(state, conversation);
  return (
    <section className="pane" aria-label={`Conversation with ${title}`}>
      <header className="pane-header">
        <IconButton
          icon="back"
          label="Back to the conversations"
          className="phone-only"
          onClick={() => open(null)}
        />
        <Avatar id={other?.id ?? conversation.id} name={title} picture={other?.avatar} />
        <div className="pane-title">
          <h1>
            <bdi>{title}</bdi>
          </h1>
          <p className="pane-status">{toStatus(state, chat)}</p>
        </div>
        <IconButton icon="info" label="Details" onClick={() => setDetailed(true)} />
      </header>
      <PictureDrop onFiles={conversation.barrier === null ? attachments.add : undefined}>
        <MessageList chat={chat} />
        {conversation.barrier === null ? (
          <Composer conversationId={conversation.id} title={title} attachments={attachments} />
        ) : (
          <p className="barrier" role="status">
            {toBarrierText(conversation.barrier, title)}
          </p>
        )}
      </PictureDrop>
      {isDetailed && <DetailsDialog chat={chat} onClose={() => setDetailed(false)} />}
    </section>
  );
}

/** Typing members, otherwise the online state or the number of members. */
function toStatus(state: State, { conversation }: Chat): string {
  const typists = typistsOf(state, conversation.id);
  const isGroup = conversation.kind === 'group';
  if (typists.length > 0) {
    if (!isGroup) return 'typing…';
    const names = typists.slice(0, 3).map((id) => nicknameOf(state, id));
    return `${list(names)} ${typists.length === 1 ? 'types' : 'type'}…`;
  }
  if (isGroup) return count(conversation.members.length, 'member');
  const other = otherOf(state, conversation);
  const friend = other === undefined ? undefined : friendOf(state, other.id);
  if (friend === undefined) return other === undefined ? '' : `@${other.name}`;
  return friend.online ? 'online' : toLastSeen(friend.lastSeenAt, Date.now());
}

function toBarrierText(barrier: Barrier, title: string): string {
  switch (barrier) {
    case 'blocked':
      return `${title} has blocked you: you cannot write here.`;
    case 'you_blocked':
      return `You have blocked ${title}. Unblock them in the details to write again.`;
    case 'not_friends':
      return `You and ${title} are no longer friends. Ask again in the details to write here.`;
  }
}
