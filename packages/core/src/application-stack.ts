import { fileURLToPath } from 'node:url';

/** Folder that contains the packages: `packages` of the repository, or the scope folder in `node_modules`. */
const frameworkFolder = fileURLToPath(new URL('../../', import.meta.url));

const frame = /^\s+at /;
const internal = /\(?node:/;
const publishedPackage = /node_modules\/gatewayworker\//;

/**
 * Removes the frames of the framework and of Node.js below those of the application, because they are the same for
 * every callback. A stack without a frame of the application stays as it is.
 */
export function trimStack(stack: string, framework: string = frameworkFolder): string {
  const isForeign = (line: string): boolean =>
    internal.test(line) || publishedPackage.test(line) || line.includes(framework);
  const kept: string[] = [];
  let block: string[] = [];
  const endBlock = (): void => {
    const last = block.findLastIndex((line) => !isForeign(line));
    kept.push(...(last === -1 ? block : block.slice(0, last + 1)));
    block = [];
  };
  for (const line of stack.split('\n')) {
    if (frame.test(line)) block.push(line);
    else {
      endBlock();
      kept.push(line);
    }
  }
  endBlock();
  return kept.join('\n');
}
