const part =
  /^\s*(?:CN|C|L|S|ST|O|OU|T|IP|STREET|DC|UID|DNQ|DNQUALIFIER|SURNAME|GIVENNAME|INITIALS|GENERATION|EMAIL|EMAILADDRESS|SERIALNUMBER|(?:OID\.)?\d+(?:\.\d+)+)\s*=/i;

/** Whether a text can be the id of scheme x509: `CN=ann,OU=team`. */
export function isDistinguishedName(text: string): boolean {
  const parts = text.split(/(?<!\\)[,;+](?=(?:[^"]*"[^"]*")*[^"]*$)/);
  return parts.every((each) => part.test(each));
}
