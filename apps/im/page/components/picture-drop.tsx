import { useState } from 'react';

interface PictureDropProps {
  /** Undefined if the user cannot send. */
  readonly onFiles: ((files: readonly File[]) => void) | undefined;
  readonly children: React.ReactNode;
}

/** A drop area for pictures. */
export function PictureDrop({ onFiles, children }: PictureDropProps): React.JSX.Element {
  // A counter, because dragenter of a child precedes dragleave of its parent.
  const [depth, setDepth] = useState(0);
  const hasFiles = (event: React.DragEvent) => event.dataTransfer.types.includes('Files');
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button next to the text field does the same
    <div
      className="drop"
      onDragEnter={(event) => {
        if (hasFiles(event)) setDepth((entered) => entered + 1);
      }}
      onDragLeave={(event) => {
        if (hasFiles(event)) setDepth((entered) => Math.max(0, entered - 1));
      }}
      onDragOver={(event) => {
        if (hasFiles(event)) event.preventDefault();
      }}
      onDrop={(event) => {
        if (!hasFiles(event)) return;
        event.preventDefault();
        setDepth(0);
        onFiles?.([...event.dataTransfer.files]);
      }}
    >
      {children}
      {depth > 0 && onFiles !== undefined && <div className="drop-hint">Drop pictures here</div>}
    </div>
  );
}
