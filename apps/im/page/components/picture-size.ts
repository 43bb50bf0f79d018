const widest = 300;
const highest = 320;

/** The room that a picture takes in the list, known before it is loaded: so nothing jumps. */
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
