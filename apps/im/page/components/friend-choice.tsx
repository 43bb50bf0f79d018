import type { Friend } from '../../shared/model.ts';
import { Avatar } from './avatar.tsx';

interface FriendChoiceProps {
  readonly friends: readonly Friend[];
  readonly chosen: ReadonlySet<string>;
  readonly onChange: (chosen: ReadonlySet<string>) => void;
}

/** Checkboxes for friends. */
export function FriendChoice({
  friends,
  chosen,
  onChange,
}: FriendChoiceProps): React.JSX.Element | null {
  if (friends.length === 0) return null;
  const toggle = (id: string) => {
    const next = new Set(chosen);
    if (!next.delete(id)) next.add(id);
    onChange(next);
  };
  return (
    <fieldset className="choice">
      <legend>Friends</legend>
      {friends.map(({ id, nickname, avatar, name }) => (
        <label key={id} className="choice-row" data-user={name}>
          <input type="checkbox" checked={chosen.has(id)} onChange={() => toggle(id)} />
          <Avatar id={id} name={nickname} picture={avatar} size="small" />
          <bdi>{nickname}</bdi>
        </label>
      ))}
    </fieldset>
  );
}
