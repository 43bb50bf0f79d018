import { useCallback, useEffect, useRef, useState } from 'react';
import { limits } from '../../shared/limits.ts';
import type { ChosenPicture } from '../client/outbox.ts';
import type { Problem } from '../store/outgoing.ts';

/** Selected pictures that are not sent yet. */
export interface Attachments {
  readonly pictures: readonly ChosenPicture[];
  /** The problem of the last file. */
  readonly problem: Problem | null;
  readonly add: (files: readonly File[]) => void;
  readonly remove: (picture: ChosenPicture) => void;
  /** Returns the pictures and clears the list; the caller then owns their URLs. */
  readonly take: () => readonly ChosenPicture[];
}

const most = 10;

export function useAttachments(): Attachments {
  const [pictures, setPictures] = useState<readonly ChosenPicture[]>([]);
  const [problem, setProblem] = useState<Problem | null>(null);
  const kept = useRef(pictures);
  kept.current = pictures;
  // Releases only unsent pictures; the outbox releases the sent ones.
  useEffect(() => () => release(kept.current), []);
  const add = useCallback((files: readonly File[]) => {
    setProblem(null);
    const addOne = async (file: File) => {
      const wrong = findProblem(file);
      if (wrong !== null) return setProblem(wrong);
      const picture = await measure(file);
      setPictures((chosen) => {
        if (chosen.length < most) return [...chosen, picture];
        setProblem(invalid(`You can send ${most} pictures at once.`));
        return chosen;
      });
    };
    for (const file of files) addOne(file).catch(() => undefined);
  }, []);
  return {
    pictures,
    problem,
    add,
    remove(picture) {
      release([picture]);
      setPictures((chosen) => chosen.filter((one) => one !== picture));
    },
    take() {
      setPictures([]);
      kept.current = [];
      setProblem(null);
      return pictures;
    },
  };
}

/** Checks a file before the upload; the server checks its content. */
function findProblem(file: File): Problem | null {
  if (!/^image\//.test(file.type)) {
    return { code: 'not_a_picture', message: `“${file.name}” is not a picture.` };
  }
  if (file.size <= limits.pictureBytes) return null;
  const most = limits.pictureBytes / 1024 / 1024;
  return {
    code: 'picture_too_large',
    message: `“${file.name}” is too large: a picture has ${most} MiB at most.`,
  };
}

/** Reads the size of a picture. A file that cannot be decoded is sent too: the server rejects it. */
async function measure(file: File): Promise<ChosenPicture> {
  const url = URL.createObjectURL(file);
  const image = new Image();
  image.src = url;
  await image.decode().catch(() => undefined);
  const [width, height] = [image.naturalWidth || 240, image.naturalHeight || 160];
  return { file, url, width, height };
}

function release(pictures: readonly ChosenPicture[]): void {
  for (const { url } of pictures) URL.revokeObjectURL(url);
}

function invalid(message: string): Problem {
  return { code: 'invalid', message };
}
