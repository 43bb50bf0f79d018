const widest = 300;
const highest = 320;

/** Returns the displayed size of a picture, so that the list does not move when it loads. */
export function fitPicture({
  width,
  height,
}: {
  readonly width: number;
  readonly height: number;
}): React.CSSProperties {
  const scale = Math.min(1, widest / width, highest / height);
  return {
    width: `${Math.max(80, Math.round(width * scale))}px`,
    aspectRatio: `${width} / ${Math.max(1, height)}`,
  };
}
