import { badRequest } from '../api/api-error.ts';
import type { Json } from '../api/json.ts';
import { arrayAt, at, objectAt, stringAt, textOf } from '../api/json.ts';
import type { KubeObject } from '../api/kube-object.ts';
import { labelsOf } from '../api/kube-object.ts';
import type { ResourceDefinition } from './definition.ts';

export type Selector = (object: KubeObject) => boolean;

export const everything: Selector = () => true;

const requirement =
  /^(?<key>[A-Za-z0-9._/-]+)\s*(?:(?<op>==|=|!=)\s*(?<value>[A-Za-z0-9._-]*)|\s(?<set>in|notin)\s*\((?<values>[^)]*)\))?$/;

function oneLabelSelector(text: string): Selector {
  if (/^![A-Za-z0-9._/-]+$/.test(text)) return (object) => !(text.slice(1) in labelsOf(object));
  const groups = requirement.exec(text)?.groups;
  const key = groups?.['key'];
  if (groups === undefined || key === undefined) {
    throw badRequest(`unable to parse requirement: ${JSON.stringify(text)}`);
  }
  const { op, value = '', set, values = '' } = groups;
  if (set !== undefined) {
    const allowed = values.split(',').map((one) => one.trim());
    if (set === 'in') return (object) => allowed.includes(labelsOf(object)[key] ?? '\u0000');
    return (object) => !allowed.includes(labelsOf(object)[key] ?? '\u0000');
  }
  if (op === undefined) return (object) => key in labelsOf(object);
  if (op === '!=') return (object) => labelsOf(object)[key] !== value;
  return (object) => labelsOf(object)[key] === value;
}

/** @throws ApiError 400 for text that is no label selector. */
export function parseLabelSelector(text: string): Selector {
  if (text.trim() === '') return everything;
  const parts = text.split(/,(?![^(]*\))/).map((part) => oneLabelSelector(part.trim()));
  return (object) => parts.every((part) => part(object));
}

/** @throws ApiError 400 for text that is no field selector, or a field that cannot be selected. */
export function parseFieldSelector(text: string, definition: ResourceDefinition): Selector {
  if (text.trim() === '') return everything;
  const parts = text.split(',').map((part): Selector => {
    const match = /^\s*([A-Za-z0-9_.-]+?)\s*(==|=|!=)(.*)$/.exec(part);
    const field = match?.[1];
    if (match === null || field === undefined) {
      throw badRequest(`invalid field selector: ${JSON.stringify(part)}`);
    }
    const isKnown =
      field === 'metadata.name' ||
      (field === 'metadata.namespace' && definition.isNamespaced) ||
      definition.selectableFields.includes(field);
    if (!isKnown) throw badRequest(`field label not supported: ${field}`);
    const path = field.split('.');
    const wanted = match[3] ?? '';
    const isNegated = match[2] === '!=';
    return (object) => {
      return (textOf(at(object, ...path)) === wanted) !== isNegated;
    };
  });
  return (object) => parts.every((part) => part(object));
}

function matchesExpression(labels: Readonly<Record<string, string>>, expression: Json): boolean {
  const key = stringAt(expression, 'key') ?? '';
  const values = arrayAt(expression, 'values');
  const label = labels[key];
  switch (stringAt(expression, 'operator') ?? '') {
    case 'In':
      return label !== undefined && values.includes(label);
    case 'NotIn':
      return label === undefined || !values.includes(label);
    case 'Exists':
      return label !== undefined;
    case 'DoesNotExist':
      return label === undefined;
    default:
      return false;
  }
}

/** Whether a `LabelSelector` object picks these labels; an empty one picks all. */
export function selectsLabels(
  selector: Json | undefined,
  labels: Readonly<Record<string, string>>,
): boolean {
  const wanted = Object.entries(objectAt(selector, 'matchLabels'));
  return (
    wanted.every(([key, value]) => labels[key] === value) &&
    arrayAt(selector, 'matchExpressions').every((one) => matchesExpression(labels, one))
  );
}

/** A `LabelSelector` object in the text form of the scale subresource. */
export function selectorText(selector: Json | undefined): string {
  const pairs = Object.entries(objectAt(selector, 'matchLabels')).map(
    ([key, value]) => `${key}=${textOf(value)}`,
  );
  return pairs.join(',');
}
