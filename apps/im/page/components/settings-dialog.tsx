import { useEffect, useRef, useState } from 'react';
import type { MeBody, PictureBody } from '../../shared/http-api.ts';
import { limits } from '../../shared/limits.ts';
import { applyTheme, readTheme, type Theme } from '../theme.ts';
import { Avatar } from './avatar.tsx';
import { DeviceList } from './device-list.tsx';
import { Dialog } from './dialog.tsx';
import { Field } from './field.tsx';
import { useMessenger, useMessengerContext, useMessengerState } from './messenger-context.ts';
import { ProblemLine } from './problem-line.tsx';
import { useTask } from './use-task.ts';

/** Profile, theme and devices. */
export function SettingsDialog({ onClose }: { readonly onClose: () => void }): React.JSX.Element {
  const { logOut } = useMessengerContext();
  const leaving = useTask(logOut);
  return (
    <Dialog title="Settings" onClose={onClose}>
      <Profile />
      <ThemeChoice />
      <DeviceList />
      <ProblemLine problem={leaving.problem} />
      <div className="details-actions">
        <button
          type="button"
          className="secondary"
          onClick={() => leaving.run(false).catch(() => undefined)}
        >
          Log out
        </button>
        <button
          type="button"
          className="danger"
          onClick={() => leaving.run(true).catch(() => undefined)}
        >
          Log out everywhere
        </button>
      </div>
    </Dialog>
  );
}

function Profile(): React.JSX.Element {
  const messenger = useMessenger();
  const { notify } = useMessengerContext();
  const { me } = useMessengerState();
  const fileInput = useRef<HTMLInputElement>(null);
  const save = useTask(async (change: object) => {
    const answer = await messenger.api.request<MeBody>('PATCH', '/api/me', change);
    messenger.store.dispatch({ type: 'me', me: answer.me });
    notify('Saved.');
  });
  const upload = useTask(async (file: File) => {
    const form = new FormData();
    form.append('picture', file, 'picture');
    const { picture } = await messenger.api.post<PictureBody>('/api/pictures', form);
    await save.run({ avatar: picture.hash });
  });
  return (
    <form
      className="profile"
      onSubmit={(event) => {
        event.preventDefault();
        const nickname = new FormData(event.currentTarget).get('nickname');
        save.run({ nickname }).catch(() => undefined);
      }}
    >
      <button
        type="button"
        className="profile-picture"
        aria-label="Change your picture"
        title="Change your picture"
        onClick={() => fileInput.current?.click()}
      >
        <Avatar id={me.id} name={me.nickname} picture={me.avatar} size="large" />
      </button>
      <input
        ref={fileInput}
        type="file"
        accept="image/jpeg,image/png,image/webp,image/gif"
        hidden
        aria-label="Your picture"
        onChange={(event) => {
          const file = event.target.files?.[0];
          event.target.value = '';
          if (file !== undefined) upload.run(file).catch(() => undefined);
        }}
      />
      <div className="profile-fields">
        <Field
          label="Nickname"
          name="nickname"
          defaultValue={me.nickname}
          required
          maxLength={limits.nickname}
          hint={`@${me.name}${me.phone === null ? '' : ` · ${me.phone}`}`}
        />
        <button type="submit" className="secondary" disabled={save.isRunning}>
          Save
        </button>
      </div>
      <ProblemLine problem={save.problem ?? upload.problem} />
    </form>
  );
}

const themes: readonly (readonly [Theme, string])[] = [
  ['system', 'System'],
  ['light', 'Light'],
  ['dark', 'Dark'],
];

function ThemeChoice(): React.JSX.Element {
  const [theme, setTheme] = useState(readTheme);
  useEffect(() => applyTheme(theme), [theme]);
  return (
    <fieldset className="switch theme">
      <legend className="visually-hidden">Colours</legend>
      {themes.map(([value, label]) => (
        <label key={value}>
          <input
            type="radio"
            name="theme"
            value={value}
            checked={theme === value}
            onChange={() => setTheme(value)}
          />
          <span>{label}</span>
        </label>
      ))}
    </fieldset>
  );
}
