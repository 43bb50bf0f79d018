import type { Picture } from '../../shared/model.ts';
import { Dialog } from './dialog.tsx';

/** A picture in the size of the window. */
export function PictureViewer({
  picture,
  onClose,
}: {
  readonly picture: Picture;
  readonly onClose: () => void;
}): React.JSX.Element {
  const { hash, width, height } = picture;
  return (
    <Dialog title="Picture" className="viewer" onClose={onClose}>
      <img
        src={`/pictures/${hash}/full.webp`}
        width={width}
        height={height}
        alt="The whole of it"
      />
    </Dialog>
  );
}
