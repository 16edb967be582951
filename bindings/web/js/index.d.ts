/** What is asked of a picture. Names and meaning are those of the command `stylegan generate`. */
export interface Wish {
  /** NumPy's `RandomState(seed)`, as NVIDIA's scripts draw it; 0 to 4294967295. */
  seed?: number;
  /** Rows of w, `[numWs, wDim]`, in the place of a seed. */
  ws?: Float32Array;
  /** Truncation: 1 changes nothing (the default), 0.7 is usual, 0 is the average picture. */
  psi?: number;
  /** Truncates so many rows of w, from the first. */
  cutoff?: number;
  /** Of a conditional network, which needs one. */
  class?: number;
  /** The stored maps (the default), none, or fresh ones of a seed. */
  noise?: "const" | "none" | number;
  /** Rows `layers[0]` up to `layers[1]`, without it, are those of another seed. */
  mix?: { seed: number; layers: [number, number] }[];
  /** Moves w along vectors, `[wDim]` or `[numWs, wDim]`. */
  directions?: { vector: ArrayLike<number>; strength: number }[];
  /** Where a StyleGAN3's picture lies: picture sides to the right and down, degrees, times as large. */
  transform?: { translate?: [number, number]; rotate?: number; zoom?: number };
  /** The picture after a lower block of a StyleGAN2 of skip architecture: 4, 8, ... */
  preview?: number;
}

/** Fetching an address, reading a checkpoint, putting it on the GPU, computing there the average w of one that has none: 0 to 1. */
export type Progress = (progress: { stage: "fetch" | "convert" | "gpu" | "average"; done: number }) => void;

/** Bytes, a dropped file, or an address. */
export type Source = Uint8Array | ArrayBuffer | Blob | string | URL;

/** What was asked of a picture or film, as paths and parameters of `stylegan serve` say it (docs/serve.md). */
export interface Asked {
  path: "image" | "mix" | "morph" | "video";
  seed?: number;
  with?: number;
  layers?: number[];
  to?: number;
  t?: number;
  psi?: number;
  cutoff?: number;
  /** Steps along directions: [number of the direction, strength]. */
  moves?: [number, number][];
  class?: number;
  noise?: Wish["noise"];
  transform?: Wish["transform"];
  /** Pixels of the longer side, and whether that is the network's own. */
  side: number;
  whole: boolean;
  /** The end of the file's name. */
  extension: string;
  /** Of a film, what its look does not say: `seeds=1,2&frames=24`. */
  film?: string;
}

/** How a picture was made: `stylegan inspect` prints it as a command. */
export interface Settings {
  tool: string;
  /** The network's file; null is the built-in one. */
  network: string | null;
  /** Of the network's configuration and tensors. */
  sha256: string;
  command: string;
  flags: [string, string][];
}

/** A place in a texture of the page's own `GPUDevice` (of a type that needs no @webgpu/types). */
export interface Texture {
  device: { readonly queue: object };
  texture: object;
  origin?: [number, number];
}

export interface OpenOptions {
  /** Element type on the GPU: 16-bit floats where the browser has them ("auto", the default). */
  precision?: "auto" | "f32" | "f16";
  onProgress?: Progress;
  signal?: AbortSignal;
}

/** Why nothing can be drawn in this browser, in a sentence for its user; undefined where something can. */
export function unsupported(): Promise<string | undefined>;

/** A network on the visitor's GPU, in a Worker. Requests queue; nothing leaves the machine. */
export class Stylegan {
  /** Reads a checkpoint of any format that `stylegan convert` knows. `wasm` is the address of the .wasm file, where it is not beside the module. */
  static open(source: Source, options?: OpenOptions & { wasm?: string | URL }): Promise<Stylegan>;
  /** Another network in the place of this one; until it resolves, and when it is aborted, pictures are of the one that is there. */
  load(source: Source, options?: OpenOptions): Promise<void>;
  generate(wish?: Wish, options?: { signal?: AbortSignal }): Promise<ImageBitmap>;
  /**
   * Draws into a canvas, which becomes as large as the picture, or into a texture of a device of the page's own, which needs the usages COPY_DST and
   * RENDER_ATTACHMENT; one that is too small for the picture is an error of that device (its error scope, `uncapturederror`).
   */
  draw(target: HTMLCanvasElement | OffscreenCanvas | Texture, wish?: Wish, options?: { signal?: AbortSignal }): Promise<void>;
  /** As the network yields it: `[channels, height, width]`, about -1 to 1. */
  floats(wish?: Wish, options?: { signal?: AbortSignal }): Promise<Float32Array>;
  /** Rows of w of a seed, not truncated. */
  ws(seed: number, options?: { class?: number; signal?: AbortSignal }): Promise<Float32Array>;
  /** What w varies most in: principal components, each as long as one standard deviation. */
  directions(count: number, options?: { samples?: number; signal?: AbortSignal }): Promise<Float32Array[]>;
  /** Rows of w of a file that a projector or encoder wrote (.npz, .npy, .pt, .pkl). */
  readRows(source: Source): Promise<Float32Array>;
  /** Whether a file is a network; rejects where it is none. Nothing is put on the GPU. */
  reads(source: Source, options?: { onProgress?: Progress; signal?: AbortSignal }): Promise<void>;
  /** A PNG, JPEG or MP4 of this network with how it was made in it, as the pictures of `stylegan serve` have it. `name` is the network's file. */
  stamp(file: Blob, asked: Asked, options?: { name?: string; rows?: Float32Array }): Promise<Blob>;
  /** How a picture (PNG, JPEG, WebP, GIF, MP4) was made, where it says so; null elsewhere. */
  settingsOf(picture: Blob): Promise<Settings | null>;
  /**
   * GPU time of every pass of one picture. Rejects where the browser has no `timestamp-query`; browsers round to 0.1 ms unless told otherwise
   * (chrome://flags/#enable-webgpu-developer-features).
   */
  profile(options?: { signal?: AbortSignal }): Promise<{ label: string; kernel: string; variant: string; ms: number }[]>;
  /** The network as a .safetensors file; `half`, the default, stores 16-bit floats. */
  safetensors(options?: { half?: boolean }): Promise<Blob>;
  /** Ends the Worker. */
  close(): void;

  readonly network: string;
  readonly width: number;
  readonly height: number;
  readonly channels: number;
  readonly zDim: number;
  readonly wDim: number;
  readonly numWs: number;
  readonly classes: number;
  readonly parameters: number;
  readonly hasTransform: boolean;
  /** 10^9 multiply-accumulates of a picture's convolutions; the same as papers count. */
  readonly gmac: number;
  readonly gmacPapers: number;
  /** Of the engine. */
  readonly version: string;
  readonly precision: "f32" | "f16";
  /** Bytes on the GPU. */
  readonly memory: number;
  readonly provenance: Record<string, string>;
}
