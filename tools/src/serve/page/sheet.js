// A sheet of many faces in one picture.

const MOST_SIDE = 512;

// So many columns and rows, of seeds from `first` on; `draw(seed, size)` answers with a picture, one after the other.
export async function sheet({ columns, rows, first, sizes, ratio, most, draw, tell }) {
  const side = sizes.find((size) => size <= MOST_SIDE) ?? sizes.at(-1);
  const [width, height] = ratio < 1 ? [Math.round(side * ratio), side] : [side, Math.round(side / ratio)];
  const canvas = Object.assign(document.createElement("canvas"), { width: columns * width, height: rows * height });
  const context = canvas.getContext("2d");
  const count = columns * rows;
  for (let i = 0; i < count; i++) {
    tell(`Drawing face ${i + 1} of ${count} ...`);
    const picture = await createImageBitmap(await (await draw((first + i) % (most + 1), side)).blob());
    context.drawImage(picture, (i % columns) * width, Math.floor(i / columns) * height, width, height);
    picture.close();
  }
  const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
  const name = `seeds${first}-${(first + count - 1) % (most + 1)}.png`;
  return new Response(blob, { headers: { "Content-Disposition": `inline; filename="${name}"` } });
}
