import { useState } from 'react';
import type { ConversationBody, EmptyBody } from '../../shared/http-api.ts';
import { limits } from '../../shared/limits.ts';
import type { Conversation, Member } from '../../shared/model.ts';
import { friendOf } from '../store/select.ts';
import type { State } from '../store/state.ts';
import { toLastSeen } from '../text/times.ts';
import { count } from '../text/words.ts';
import { Field } from './field.tsx';
import { FriendChoice } from './friend-choice.tsx';
import { IconButton } from './icon-button.tsx';
import { InvitationLink } from './invitation-link.tsx';
import { useMessengerContext, useMessengerState } from './messenger-context.ts';
import { PersonRow } from './person-row.tsx';
import { ProblemLine } from './problem-line.tsx';
import { useTask } from './use-task.ts';

interface GroupDetailsProps {
  readonly conversation: Conversation;
  readonly onClose: () => void;
}

/** Name, members and invitation of a group, and how to leave it. */
export function GroupDetails({ conversation, onClose }: GroupDetailsProps): React.JSX.Element {
  const { messenger, open } = useMessengerContext();
  const state = useMessengerState();
  const { id, members } = conversation;
  const path = `/api/groups/${id}`;
  const change = useTask(async (method: string, subPath: string, body?: object) => {
    const answer = await messenger.api.request<ConversationBody>(method, path + subPath, body);
    messenger.store.dispatch({ type: 'conversation', ...answer });
  });
  const leave = useTask(async () => {
    await messenger.api.post<EmptyBody>(`${path}/leave`);
    onClose();
    open(null);
    messenger.store.dispatch({ type: 'gone', conversationId: id });
  });
  const run = (method: string, subPath: string, body?: object) => {
    change.run(method, subPath, body).catch(() => undefined);
  };
  const isOwner = members.some(({ userId, role }) => userId === state.me.id && role === 'owner');
  return (
    <div className="details">
      {isOwner ? (
        <form
          className="rename"
          onSubmit={(event) => {
            event.preventDefault();
            run('PATCH', '', { name: new FormData(event.currentTarget).get('name') });
          }}
        >
          <Field
            label="Name of the group"
            name="name"
            defaultValue={conversation.name ?? ''}
            required
            maxLength={limits.groupName}
            autoComplete="off"
          />
          <button type="submit" className="secondary" disabled={change.isRunning}>
            Rename
          </button>
        </form>
      ) : (
        <p className="details-name">
          <bdi>{conversation.name}</bdi>
        </p>
      )}
      <ProblemLine problem={change.problem ?? leave.problem} />
      <InvitationLink groupId={id} />
      <section className="people" aria-label="Members">
        <h3>{count(members.length, 'member')}</h3>
        <ul>
          {members.map((member) => (
            <MemberRow
              key={member.userId}
              member={member}
              state={state}
              onRemove={isOwner ? () => run('DELETE', `/members/${member.userId}`) : undefined}
            />
          ))}
        </ul>
      </section>
      <AddMembers
        conversation={conversation}
        onAdd={(userIds) => run('POST', '/members', { userIds })}
      />
      <button
        type="button"
        className="danger wide"
        disabled={leave.isRunning}
        onClick={() => leave.run().catch(() => undefined)}
      >
        Leave the group
      </button>
    </div>
  );
}

function MemberRow({
  member: { userId, role },
  state,
  onRemove,
}: {
  readonly member: Member;
  readonly state: State;
  readonly onRemove: (() => void) | undefined;
}): React.JSX.Element | null {
  const user = state.users.get(userId);
  if (user === undefined) return null;
  const friend = friendOf(state, userId);
  const isMe = userId === state.me.id;
  const presence =
    friend === undefined
      ? `@${user.name}`
      : friend.online
        ? 'online'
        : toLastSeen(friend.lastSeenAt, Date.now());
  const line = [isMe ? 'you' : presence, role === 'owner' ? 'owner' : ''].filter(Boolean);
  return (
    <PersonRow user={user} online={friend?.online} line={line.join(' · ')}>
      {!isMe && onRemove !== undefined && (
        <IconButton icon="close" label={`Remove ${user.nickname}`} onClick={onRemove} />
      )}
    </PersonRow>
  );
}

function AddMembers({
  conversation,
  onAdd,
}: {
  readonly conversation: Conversation;
  readonly onAdd: (userIds: readonly string[]) => void;
}): React.JSX.Element | null {
  const { relations } = useMessengerState();
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const inside = new Set(conversation.members.map(({ userId }) => userId));
  const friends = relations?.friends.filter(({ id }) => !inside.has(id)) ?? [];
  if (friends.length === 0) return null;
  return (
    <section className="add-members" aria-label="Add friends">
      <FriendChoice friends={friends} chosen={chosen} onChange={setChosen} />
      <button
        type="button"
        className="secondary wide"
        disabled={chosen.size === 0}
        onClick={() => {
          onAdd([...chosen]);
          setChosen(new Set());
        }}
      >
        Add to the group
      </button>
    </section>
  );
}
