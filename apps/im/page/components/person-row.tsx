import type { User } from '../../shared/model.ts';
import { Avatar } from './avatar.tsx';

interface PersonRowProps {
  readonly user: User;
  /** Text below the name. */
  readonly line: string;
  readonly online?: boolean | undefined;
  /** Opens the conversation; undefined if there is none. */
  readonly onOpen?: (() => void) | undefined;
  /** Buttons. */
  readonly children?: React.ReactNode;
}

/** A user in a list. */
export function PersonRow({
  user,
  line,
  online,
  onOpen,
  children,
}: PersonRowProps): React.JSX.Element {
  const who = (
    <>
      <Avatar id={user.id} name={user.nickname} picture={user.avatar} online={online} />
      <span className="person-text">
        <bdi className="person-name">{user.nickname}</bdi>
        <span className="person-line">{line}</span>
      </span>
    </>
  );
  return (
    <li className="person" data-user={user.name}>
      {onOpen === undefined ? (
        <span className="person-who">{who}</span>
      ) : (
        <button type="button" className="person-who" onClick={onOpen}>
          {who}
        </button>
      )}
      <span className="person-actions">{children}</span>
    </li>
  );
}
