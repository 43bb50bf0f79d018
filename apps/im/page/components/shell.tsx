import { useEffect, useMemo, useState } from 'react';
import type { Messenger } from '../client/messenger.ts';
import { countUnread } from '../store/select.ts';
import type { Connection } from '../store/state.ts';
import { Announcer } from './announcer.tsx';
import { ConnectionNotice } from './connection-notice.tsx';
import { ConversationPane } from './conversation-pane.tsx';
import { InvitationDialog } from './invitation-dialog.tsx';
import {
  MessengerContext,
  type MessengerContextValue,
  useMessengerState,
} from './messenger-context.ts';
import { NewGroupDialog } from './new-group-dialog.tsx';
import { SettingsDialog } from './settings-dialog.tsx';
import { Sidebar } from './sidebar.tsx';
import { useRoute } from './use-route.ts';
import { useShortcuts } from './use-shortcuts.ts';

interface ShellProps extends Pick<MessengerContextValue, 'notify' | 'logOut'> {
  readonly messenger: Messenger;
  /** Invitation code of the URL. */
  readonly invitation: string | null;
  readonly onInvitationDone: () => void;
}

/** The messenger of the logged-in user: the list and the open conversation. */
export function Shell({
  messenger,
  notify,
  logOut,
  invitation,
  onInvitationDone,
}: ShellProps): React.JSX.Element {
  const open = useRoute(messenger);
  const context = useMemo(
    () => ({ messenger, notify, open, logOut }),
    [messenger, notify, open, logOut],
  );
  return (
    <MessengerContext value={context}>
      <Panes />
      {invitation !== null && <InvitationDialog code={invitation} onClose={onInvitationDone} />}
      <Announcer />
    </MessengerContext>
  );
}

function Panes(): React.JSX.Element {
  const state = useMessengerState();
  const [dialog, setDialog] = useState<'settings' | 'group' | null>(null);
  useShortcuts();
  useMinutes();
  useTitle(countUnread(state));
  useConnectionAttributes(state.connection);
  const chat = state.selectedId === null ? undefined : state.chats.get(state.selectedId);
  return (
    <main className="shell" data-open={state.selectedId !== null}>
      <ConnectionNotice connection={state.connection} />
      <Sidebar onSettings={() => setDialog('settings')} onNewGroup={() => setDialog('group')} />
      <div className="main">
        {chat === undefined ? (
          <EmptyPane isGone={state.isLoaded && state.selectedId !== null} />
        ) : (
          <ConversationPane key={chat.conversation.id} chat={chat} />
        )}
      </div>
      {dialog === 'settings' && <SettingsDialog onClose={() => setDialog(null)} />}
      {dialog === 'group' && <NewGroupDialog onClose={() => setDialog(null)} />}
    </main>
  );
}

function EmptyPane({ isGone }: { readonly isGone: boolean }): React.JSX.Element {
  return (
    <div className="nothing">
      <p>{isGone ? 'You are not in this conversation.' : 'Choose a conversation.'}</p>
      <p className="soft">
        <kbd>Ctrl</kbd> <kbd>K</kbd> searches, <kbd>Alt</kbd> <kbd>↑</kbd> <kbd>↓</kbd> go from one
        to the next
      </p>
    </div>
  );
}

function useTitle(unread: number): void {
  useEffect(() => {
    document.title = unread === 0 ? 'Messenger' : `(${unread}) Messenger`;
    return () => {
      document.title = 'Messenger';
    };
  }, [unread]);
}

/** Re-renders every minute, because times are shown relative to now. */
function useMinutes(): void {
  const [, setMinutes] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => setMinutes((minutes) => minutes + 1), 60_000);
    return () => clearInterval(timer);
  }, []);
}

/** Sets attributes for styles and tests. */
function useConnectionAttributes(connection: Connection): void {
  useEffect(() => {
    const { dataset } = document.documentElement;
    dataset.connection = connection.status;
    if (connection.status === 'open') dataset.connectedAt = String(connection.since);
    return () => {
      delete dataset.connection;
    };
  }, [connection]);
}
