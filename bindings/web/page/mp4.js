// Encoded frames in one MP4 (ISO/IEC 14496-12): one track, one chunk, all frames as long. What WebCodecs gives for H.264 in its avc form
// (14496-15) or for VP9 goes in as it is.

const SCALE = 90000; // Units of time in a second.

// `frames` are {bytes, key}; `description` is the decoder's avcC, of H.264 only.
export function mp4({ codec, description, width, height, fps, frames }) {
  const duration = Math.round(SCALE / fps);
  const whole = duration * frames.length;
  const keys = frames.flatMap(({ key }, i) => (key ? [i + 1] : []));
  const matrix = [0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000].map(u32);
  const moov = (offset) =>
    box("moov", [
      box("mvhd", [u32(0), u32(0), u32(0), u32(SCALE), u32(whole), u32(0x10000), u16(0x100), zeros(10), ...matrix, zeros(24), u32(2)]),
      box("trak", [
        box("tkhd", [u32(3), u32(0), u32(0), u32(1), u32(0), u32(whole), zeros(8), u16(0), u16(0), u16(0), u16(0), ...matrix, u32(width << 16), u32(height << 16)]),
        box("mdia", [
          // The language is "und".
          box("mdhd", [u32(0), u32(0), u32(0), u32(SCALE), u32(whole), u16(0x55c4), u16(0)]),
          box("hdlr", [u32(0), u32(0), text("vide"), zeros(12), u8(0)]),
          box("minf", [
            box("vmhd", [u32(1), zeros(8)]),
            box("dinf", [box("dref", [u32(0), u32(1), box("url ", [u32(1)])])]),
            box("stbl", [
              box("stsd", [u32(0), u32(1), entry(codec, description, width, height)]),
              box("stts", [u32(0), u32(1), u32(frames.length), u32(duration)]),
              box("stss", [u32(0), u32(keys.length), ...keys.map(u32)]),
              box("stsc", [u32(0), u32(1), u32(1), u32(frames.length), u32(1)]),
              box("stsz", [u32(0), u32(0), u32(frames.length), ...frames.map(({ bytes }) => u32(bytes.length))]),
              box("stco", [u32(0), u32(1), u32(offset)]),
            ]),
          ]),
        ]),
      ]),
    ]);
  const head = box("ftyp", [text("isom"), u32(0x200), text("isom"), text("iso2"), text("mp41")]);
  const data = box("mdat", frames.map(({ bytes }) => bytes));
  // Offsets count from the beginning of the file, and do not change the size of what is before them.
  return new Blob([head, moov(head.length + moov(0).length + 8), data], { type: "video/mp4" });
}

// How frames are encoded.
function entry(codec, description, width, height) {
  const h264 = codec.startsWith("avc1");
  // Profile, level, then 8 bits, 4:2:0 beside the samples, BT.709 (VP Codec ISO Media File Format Binding).
  const [, profile, level] = codec.split(".").map(Number);
  const configuration = h264 ? box("avcC", [description]) : box("vpcC", [u32(0x01000000), u8(profile), u8(level), u8((8 << 4) | (1 << 1)), u8(1), u8(1), u8(1), u16(0)]);
  return box(h264 ? "avc1" : "vp09", [zeros(6), u16(1), zeros(16), u16(width), u16(height), u32(0x480000), u32(0x480000), u32(0), u16(1), zeros(32), u16(24), u16(0xffff), configuration]);
}

function box(name, parts) {
  const length = 8 + parts.reduce((sum, part) => sum + part.length, 0);
  const bytes = new Uint8Array(length);
  bytes.set(u32(length));
  bytes.set(text(name), 4);
  let at = 8;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

const number = (count) => (value) => Uint8Array.from({ length: count }, (_, i) => value >>> (8 * (count - 1 - i)));
const [u8, u16, u32] = [1, 2, 4].map(number);
const zeros = (count) => new Uint8Array(count);
const text = (letters) => Uint8Array.from(letters, (letter) => letter.charCodeAt(0));
