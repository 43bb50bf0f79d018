import { IconButton } from './icon-button.tsx';
import type { Attachments } from './use-attachments.ts';

/** Pictures that will be sent with the next message. */
export function AttachmentStrip({
  attachments: { pictures, remove },
}: {
  readonly attachments: Attachments;
}): React.JSX.Element | null {
  if (pictures.length === 0) return null;
  return (
    <ul className="attachments" aria-label="Pictures to send">
      {pictures.map((picture) => (
        <li key={picture.url}>
          <img src={picture.url} alt="" />
          <IconButton icon="close" label="Remove the picture" onClick={() => remove(picture)} />
        </li>
      ))}
    </ul>
  );
}
