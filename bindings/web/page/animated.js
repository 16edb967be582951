// Pictures in WebP, one after the other, as one animated WebP (RIFF chunks: VP8X, ANIM, ANMF; developers.google.com/speed/webp).

const text = (bytes, at) => String.fromCharCode(...bytes.subarray(at, at + 4));

export async function animated(blobs, width, height, milliseconds) {
  const frames = [];
  for (const blob of blobs) {
    if (blob.type !== "image/webp") throw new Error("this browser encodes no WebP, and there is no other film yet");
    const bytes = new Uint8Array(await blob.arrayBuffer());
    frames.push(chunk("ANMF", [...number(0, 3), ...number(0, 3), ...number(width - 1, 3), ...number(height - 1, 3), ...number(milliseconds, 3), 2], pictures(bytes)));
  }
  const head = chunk("VP8X", [0x02, 0, 0, 0, ...number(width - 1, 3), ...number(height - 1, 3)]);
  const loop = chunk("ANIM", [0, 0, 0, 255, 0, 0]);
  const body = [head, loop, ...frames];
  const size = 4 + body.reduce((sum, part) => sum + part.length, 0);
  return new Blob(["RIFF", new Uint8Array(number(size, 4)), "WEBP", ...body], { type: "image/webp" });
}

// The chunks of a still picture that are the picture.
function pictures(bytes) {
  const parts = [];
  for (let at = 12; at + 8 <= bytes.length; ) {
    const length = 8 + (new DataView(bytes.buffer, bytes.byteOffset + at + 4, 4).getUint32(0, true) + 1 & ~1);
    if (["VP8 ", "VP8L", "ALPH"].includes(text(bytes, at))) parts.push(bytes.subarray(at, at + length));
    at += length;
  }
  return parts;
}

function chunk(name, head, parts = []) {
  const length = head.length + parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(8 + length + (length & 1));
  bytes.set([...name].map((letter) => letter.charCodeAt(0)));
  bytes.set(number(length, 4), 4);
  bytes.set(head, 8);
  let at = 8 + head.length;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const number = (value, bytes) => Array.from({ length: bytes }, (_, i) => (value >>> (8 * i)) & 255);
