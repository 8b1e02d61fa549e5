const partStart =
  /\s*(?:CN|C|L|S|ST|O|OU|T|IP|STREET|DC|UID|DNQ|DNQUALIFIER|SURNAME|GIVENNAME|INITIALS|GENERATION|EMAIL|EMAILADDRESS|SERIALNUMBER|(?:OID\.)?\d+(?:\.\d+)+)\s*=/iy;

/** Whether a text can be the id of scheme x509: `CN=ann,OU=team`. Looks at each character once. */
export function isDistinguishedName(text: string): boolean {
  let isQuoted = false;
  let isStart = true;
  for (let at = 0; at < text.length; at += 1) {
    if (isStart) {
      partStart.lastIndex = at;
      if (!partStart.test(text)) return false;
      at = partStart.lastIndex - 1;
      isStart = false;
      continue;
    }
    const character = text[at] ?? '';
    if (character === '\\') at += 1;
    else if (character === '"') isQuoted = !isQuoted;
    else if (!isQuoted && ',;+'.includes(character)) isStart = true;
  }
  return !isStart && !isQuoted;
}
