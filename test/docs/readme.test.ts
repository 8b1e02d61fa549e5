import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';

// Goal: who reads the README in Chinese is told to do what the English one says, and no link of
// either leads nowhere.
// Method: everything between fences, every command in a line and every link is compared; the
// sentences are left to people.

const root = resolve(import.meta.dirname, '../..');
const english = readFileSync(join(root, 'README.md'), 'utf8');
const chinese = readFileSync(join(root, 'README.zh-CN.md'), 'utf8');

function fences(text: string): readonly string[] {
  return [...text.matchAll(/^```\w*\n([^]*?)^```$/gm)].map((match) => match[1] ?? '');
}

function links(text: string): readonly string[] {
  return [...text.matchAll(/\]\(([^)]+)\)/g)].map((match) => match[1] ?? '');
}

/** Without those of blocks, in alphabetical order: sentences are turned around. */
function commands(text: string): readonly string[] {
  const prose = text.replaceAll(/^```\w*\n[^]*?^```$/gm, '');
  return [...prose.matchAll(/`([^`\n]+)`/g)].map((match) => match[1] ?? '').toSorted();
}

function headings(text: string): number {
  return [...text.matchAll(/^#+ /gm)].length;
}

test('both READMEs have the same commands, pictures and chapters', () => {
  assert.deepEqual(fences(chinese), fences(english));
  assert.deepEqual(commands(chinese), commands(english));
  assert.equal(headings(chinese), headings(english));
});

test('links of both READMEs lead somewhere, and to the same places', () => {
  const toEachOther = new Set(['README.md', 'README.zh-CN.md']);
  const elsewhere = (text: string): readonly string[] =>
    links(text).filter((link) => !toEachOther.has(link));
  assert.deepEqual(elsewhere(chinese), elsewhere(english));
  for (const link of [...links(english), ...links(chinese)]) {
    assert(existsSync(join(root, link)), link);
  }
});
