// Draws avatars of the style Open Peeps (Pablo Stanley, CC0 1.0): for each one a random choice out of each of eight lists.
//
// node render.mjs FOLDER COUNT SEED [SIZE] writes into FOLDER
//   images.bin      COUNT x SIZE x SIZE x 3 bytes of RGB
//   attributes.bin  COUNT x 8 bytes: the index of the choice in each list
//   attributes.json the size of the pictures, and names and lengths of the lists, in the order of attributes.bin

import fs from 'node:fs';
import path from 'node:path';
import { openPeeps } from '@dicebear/collection';
import { createAvatar } from '@dicebear/core';
import { Resvg } from '@resvg/resvg-js';

// null is an avatar without. The lists are shorter than what the style has: variants that differ by a line are left out.
const PARTS = {
  head: [
    'short1', 'short2', 'short3', 'short4', 'short5', 'medium1', 'medium2', 'medium3',
    'long', 'longBangs', 'longCurly', 'bun', 'afro', 'bangs', 'pomp', 'twists',
  ],
  face: [
    'smile', 'smileBig', 'calm', 'cheeky', 'cute', 'serious',
    'awe', 'lovingGrin1', 'solemn', 'suspicious', 'driven', 'explaining',
  ],
  facialHair: [null, 'full', 'full2', 'goatee1', 'moustache1', 'chin'],
  accessories: [null, 'glasses', 'glasses2', 'sunglasses'],
  skinColor: ['694d3d', 'ae5d29', 'd08b5b', 'edb98a', 'ffdbb4'],
  // Does not show with the heads above, whose hair is black; it stays because the shape of z depends on it.
  headContrastColor: ['2c1b18', '4a312c', '724133', 'a55728', 'e8e1e1', 'd6b370'],
  clothingColor: ['e78276', 'ffcf77', 'fdea6b', '78e185', '9ddadb', '8fa7df', 'e279c7'],
  backgroundColor: ['b6e3f4', 'c0aede', 'd1d4f9', 'ffd5dc', 'ffdfbf', 'c8e6c9'],
};
const NAMES = Object.keys(PARTS);

// Marsaglia's xorshift32 of the seed times Knuth's constant: the same avatars on every system. Its state must not be 0.
function generator(seed) {
  let state = Math.imul(seed, 2654435761) >>> 0;
  const below = (count) => {
    state ^= state << 13;
    state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state % count;
  };
  // Small seeds have similar first numbers.
  for (let i = 0; i < 20; i++) below(2);
  return below;
}

function avatar(choice, size) {
  const options = { seed: 'unused: every choice is made here', size, maskProbability: 0 };
  for (const name of NAMES) {
    options[name] = choice[name] === null ? [] : [choice[name]];
  }
  options.facialHairProbability = choice.facialHair === null ? 0 : 100;
  options.accessoriesProbability = choice.accessories === null ? 0 : 100;
  return createAvatar(openPeeps, options).toString();
}

// Pixels come as RGBA; the background is opaque.
function rgb(svg, size) {
  const { pixels } = new Resvg(svg, { fitTo: { mode: 'width', value: size } }).render();
  const bytes = Buffer.alloc(size * size * 3);
  for (let from = 0, to = 0; from < pixels.length; from += 4) {
    bytes[to++] = pixels[from];
    bytes[to++] = pixels[from + 1];
    bytes[to++] = pixels[from + 2];
  }
  return bytes;
}

const [folder, count, seed, size = 256] = process.argv.slice(2).map((text, i) => (i === 0 ? text : Number(text)));
if (!folder || ![count, seed, size].every((number) => Number.isInteger(number) && number > 0)) {
  console.error('usage: node render.mjs FOLDER COUNT SEED [SIZE], with numbers above 0');
  process.exit(2);
}
fs.mkdirSync(folder, { recursive: true });
const lists = NAMES.map((name) => ({ name, length: PARTS[name].length }));
fs.writeFileSync(path.join(folder, 'attributes.json'), `${JSON.stringify({ size, lists }, null, 2)}\n`);
const images = fs.openSync(path.join(folder, 'images.bin'), 'w');
const attributes = fs.openSync(path.join(folder, 'attributes.bin'), 'w');
const below = generator(seed);
for (let i = 0; i < count; i++) {
  const indices = NAMES.map((name) => below(PARTS[name].length));
  const choice = Object.fromEntries(NAMES.map((name, k) => [name, PARTS[name][indices[k]]]));
  fs.writeSync(images, rgb(avatar(choice, size), size));
  fs.writeSync(attributes, Buffer.from(indices));
}
