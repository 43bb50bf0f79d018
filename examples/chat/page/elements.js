// @ts-check

/**
 * Finds an element of the page by its id.
 *
 * @template {Element} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function find(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`The page has no ${kind.name} with the id ${id}`);
  return found;
}

/**
 * Creates an element. Strings become text nodes, never markup.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {string} className
 * @param {...(Node | string)} children
 * @returns {HTMLElementTagNameMap[T]}
 */
export function create(tag, className, ...children) {
  const element = document.createElement(tag);
  if (className !== '') element.className = className;
  element.append(...children);
  return element;
}

/**
 * Creates an icon from a symbol of index.html.
 *
 * @param {string} name
 */
export function createIcon(name) {
  const namespace = 'http://www.w3.org/2000/svg';
  const icon = document.createElementNS(namespace, 'svg');
  icon.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(namespace, 'use');
  use.setAttribute('href', `#icon-${name}`);
  icon.append(use);
  return icon;
}

/**
 * Creates a name, isolated so that right-to-left text does not reorder its surroundings.
 *
 * @param {string} name
 * @param {string} tag distinguishes people with the same name; usually empty
 */
export function createName(name, tag) {
  const fragment = document.createDocumentFragment();
  fragment.append(create('bdi', '', name), create('span', 'tag', tag));
  return fragment;
}

/**
 * Creates a button with a click handler.
 *
 * @param {string} className
 * @param {() => void} onClick
 * @param {...(Node | string)} children
 */
export function createButton(className, onClick, ...children) {
  const button = create('button', className, ...children);
  button.type = 'button';
  button.addEventListener('click', onClick);
  return button;
}

/**
 * Puts the first letter of a name into an avatar and gives it the colour of that name.
 *
 * @param {HTMLElement} avatar
 * @param {string} name
 */
export function fillAvatar(avatar, name) {
  const [first] = new Intl.Segmenter().segment(name);
  avatar.textContent = first === undefined ? '' : first.segment.toUpperCase();
  avatar.style.setProperty('--hue', String(toHue(name)));
}

/** @param {string} name */
function toHue(name) {
  let hash = 0;
  for (const character of name) hash = (hash * 31 + (character.codePointAt(0) ?? 0)) % 3600;
  return hash % 360;
}
