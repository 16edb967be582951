// Films: MP4 where the browser encodes H.264 or VP9 (WebCodecs), else an animated WebP.

import { animated } from "./animated.js";
import { mp4 } from "./mp4.js";

// Best first. H.264 plays everywhere; a browser need not be able to write it.
const CODECS = ["avc1.640034", "avc1.4d0034", "avc1.42e034", "vp09.00.51.08"];

// The film of pictures that `frames` yields (ImageBitmaps, which it closes), in order.
export async function film(frames, { width, height, fps }) {
  const config = await chosen(width, height, fps);
  if (config) return encoded(frames, config, fps);
  const blobs = [];
  for await (const picture of frames) {
    const canvas = new OffscreenCanvas(width, height);
    canvas.getContext("2d").drawImage(picture, 0, 0);
    picture.close();
    blobs.push(await canvas.convertToBlob({ type: "image/webp", quality: 0.9 }));
  }
  return animated(blobs, width, height, Math.round(1000 / fps));
}

async function chosen(width, height, framerate) {
  if (!globalThis.VideoEncoder) return undefined;
  for (const codec of CODECS) {
    // H.264 has two colours for four pixels: an odd side has no half.
    if (codec.startsWith("avc1") && (width % 2 || height % 2)) continue;
    const config = { codec, width, height, framerate, bitrate: Math.max(1e6, width * height * framerate * 0.2), ...(codec.startsWith("avc1") && { avc: { format: "avc" } }) };
    const { supported } = await VideoEncoder.isConfigSupported(config).catch(() => ({ supported: false }));
    if (supported) return config;
  }
  return undefined;
}

async function encoded(frames, config, fps) {
  const chunks = [];
  let description, failed;
  const encoder = new VideoEncoder({
    output(chunk, metadata) {
      description ??= metadata?.decoderConfig?.description;
      const bytes = new Uint8Array(chunk.byteLength);
      chunk.copyTo(bytes);
      chunks.push({ bytes, key: chunk.type === "key", timestamp: chunk.timestamp });
    },
    error: (error) => (failed = error),
  });
  try {
    encoder.configure(config);
    let index = 0;
    for await (const picture of frames) {
      const frame = new VideoFrame(picture, { timestamp: Math.round((index * 1e6) / fps), duration: Math.round(1e6 / fps) });
      picture.close();
      if (failed) throw failed;
      encoder.encode(frame, { keyFrame: index++ % (2 * fps) === 0 });
      frame.close();
    }
    await encoder.flush();
    if (failed) throw failed;
  } finally {
    if (encoder.state !== "closed") encoder.close();
  }
  if (chunks.some(({ timestamp }, i) => i && timestamp <= chunks[i - 1].timestamp)) throw new Error("this browser's encoder gives frames in another order than they are shown");
  const bytes = description && new Uint8Array(description.buffer ?? description, description.byteOffset ?? 0, description.byteLength);
  return mp4({ codec: config.codec, description: bytes, width: config.width, height: config.height, fps, frames: chunks });
}
