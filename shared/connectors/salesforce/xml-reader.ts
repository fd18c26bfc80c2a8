import { NotificationRefusedError } from '../notification-error.ts';

/** An element without its namespace prefix; attributes are checked and dropped, but for the prefixed `type`. */
export interface XmlElement {
  readonly name: string;
  readonly type: string | undefined; // xsi:type, as written
  readonly children: readonly XmlElement[];
  readonly text: string; // its own character data
}

interface OpenElement {
  readonly name: string;
  readonly qualifiedName: string;
  readonly type: string | undefined;
  readonly children: XmlElement[];
  text: string;
}

const LENGTH_MAX = 5 * 1024 * 1024;
const DEPTH_MAX = 16;
const ELEMENTS_MAX = 100_000;

// Every pattern is anchored at the cursor (y) and cannot backtrack over more than one token.
const QUALIFIED_NAME = '[A-Za-z_][A-Za-z0-9_.-]*(?::[A-Za-z_][A-Za-z0-9_.-]*)?';
const START_TAG = new RegExp(`<(${QUALIFIED_NAME})((?:\\s+${QUALIFIED_NAME}\\s*=\\s*(?:"[^"<]*"|'[^'<]*'))*)\\s*(/?)>`, 'y');
const END_TAG = new RegExp(`</(${QUALIFIED_NAME})\\s*>`, 'y');
const DECLARATION = /<\?xml\s[^?<>]*\?>/y;
const TEXT = /[^<]+/y;
const TYPE_ATTRIBUTE = /\s[A-Za-z_][A-Za-z0-9_.-]*:type\s*=\s*(?:"([^"]*)"|'([^']*)')/;
const ENTITIES: Readonly<Record<string, string>> = { lt: '<', gt: '>', amp: '&', quot: '"', apos: "'" };

/**
 * Reads a small XML document: elements, attributes, text, the five built-in entities and character
 * references. Anything else (document types, entity declarations, comments, processing instructions,
 * CDATA) is refused, so that nothing in it can expand or point elsewhere.
 *
 * @throws NotificationRefusedError
 */
export function readXml(document: string): XmlElement {
  if (document.length > LENGTH_MAX) throw refused(`longer than ${LENGTH_MAX} characters`);
  const text = document.replace(/^\uFEFF/, '');
  const open: OpenElement[] = [];
  let root: XmlElement | undefined;
  let elements = 0;
  let at = take(DECLARATION, text, 0)?.end ?? 0;

  const close = (element: OpenElement) => {
    const { name, type, children, text: own } = element;
    const parent = open.at(-1);
    const closed = { name, type, children, text: own };
    if (parent === undefined) root = closed;
    else parent.children.push(closed);
  };

  while (at < text.length) {
    const parent = open.at(-1);
    const characters = take(TEXT, text, at);
    if (characters !== undefined) {
      if (parent !== undefined) parent.text += decoded(characters.match[0]);
      else if (characters.match[0].trim() !== '') throw refused('text outside the document element');
      at = characters.end;
      continue;
    }
    const end = take(END_TAG, text, at);
    if (end !== undefined) {
      const element = open.pop();
      if (element === undefined || element.qualifiedName !== end.match[1]) throw refused('an end tag without its start tag');
      close(element);
      at = end.end;
      continue;
    }
    const start = take(START_TAG, text, at);
    const qualifiedName = start?.match[1];
    if (start === undefined || qualifiedName === undefined) throw refused(`markup that is not allowed, at character ${at}`);
    if (root !== undefined) throw refused('more than one document element');
    if (open.length === DEPTH_MAX) throw refused(`deeper than ${DEPTH_MAX} elements`);
    if (++elements > ELEMENTS_MAX) throw refused(`more than ${ELEMENTS_MAX} elements`);
    const type = TYPE_ATTRIBUTE.exec(start.match[2] ?? '');
    const element: OpenElement = {
      name: qualifiedName.slice(qualifiedName.indexOf(':') + 1),
      qualifiedName,
      type: type?.[1] ?? type?.[2],
      children: [],
      text: '',
    };
    if (start.match[3] === '/') close(element);
    else open.push(element);
    at = start.end;
  }
  if (root === undefined || open.length > 0) throw refused('an element that does not end');
  return root;
}

export function childrenNamed(element: XmlElement | undefined, name: string): readonly XmlElement[] {
  return element?.children.filter((child) => child.name === name) ?? [];
}

export function textOf(element: XmlElement | undefined, name: string): string | undefined {
  return childrenNamed(element, name)[0]?.text;
}

function take(pattern: RegExp, text: string, at: number): { match: RegExpExecArray; end: number } | undefined {
  pattern.lastIndex = at;
  const match = pattern.exec(text);
  return match === null ? undefined : { match, end: at + match[0].length };
}

function decoded(text: string): string {
  if (!text.includes('&')) return text;
  return text.replace(/&([^;&]{0,12};?)/g, (_whole, reference: string) => {
    if (!reference.endsWith(';')) throw refused('a bare ampersand');
    const name = reference.slice(0, -1);
    const entity = Object.hasOwn(ENTITIES, name) ? ENTITIES[name] : undefined;
    if (entity !== undefined) return entity;
    const code = /^#x[0-9A-Fa-f]{1,6}$/.test(name)
      ? Number.parseInt(name.slice(2), 16)
      : /^#\d{1,7}$/.test(name)
        ? Number(name.slice(1))
        : Number.NaN;
    if (Number.isNaN(code) || code > 0x10ffff || code === 0) throw refused('an entity that is not built in');
    return String.fromCodePoint(code);
  });
}

function refused(detail: string): NotificationRefusedError {
  return new NotificationRefusedError('unreadable', `the XML holds ${detail}`);
}
