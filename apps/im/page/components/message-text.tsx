import { Fragment } from 'react';

const link = /(https?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}])/u;

/** What somebody has typed, as text; an address of the web can be followed, and learns nothing of this page. */
export function MessageText({ text }: { readonly text: string }): React.JSX.Element {
  // Every other part is an address.
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
