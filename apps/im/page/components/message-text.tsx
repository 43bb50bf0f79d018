import { Fragment } from 'react';

const link = /(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}])/u;

/** The text of a message; URLs become links without a referrer. */
export function MessageText({ text }: { readonly text: string }): React.JSX.Element {
  // split() with a capture group puts the URLs at odd indexes.
  const parts = text.split(link).map((part, index) => ({ part, isLink: index % 2 === 1, index }));
  return (
    <bdi className="text" dir="auto">
      {parts.map(({ part, isLink, index }) =>
        isLink ? (
          <a key={index} href={part} target="_blank" rel="noopener noreferrer">
            {part}
          </a>
        ) : (
          <Fragment key={index}>{part}</Fragment>
        ),
      )}
    </bdi>
  );
}
