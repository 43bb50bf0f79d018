import { useCallback, useEffect, useRef, useState } from 'react';
import { limits } from '../../shared/limits.ts';
import type { ChosenPicture } from '../client/outbox.ts';
import type { Problem } from '../store/outgoing.ts';

/** Pictures that are chosen and not sent yet. */
export interface Attachments {
  readonly pictures: readonly ChosenPicture[];
  /** What was wrong with the last one. */
  readonly problem: Problem | null;
  readonly add: (files: readonly File[]) => void;
  readonly remove: (picture: ChosenPicture) => void;
  /** Hands them over: they are shown elsewhere from now on. */
  readonly take: () => readonly ChosenPicture[];
}

const most = 10;

export function useAttachments(): Attachments {
  const [pictures, setPictures] = useState<readonly ChosenPicture[]>([]);
  const [problem, setProblem] = useState<Problem | null>(null);
  const kept = useRef(pictures);
  kept.current = pictures;
  // What was not sent is not needed any more; what was sent is shown until it comes back.
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

/** What can be told before it is uploaded; its content is looked at by the server. */
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

/** One that cannot be shown is sent all the same: the server tells what it is. */
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
