// The report of `stylegan bench` (docs/bench-schema.md, schema 2) as far as a browser can make one: times from the wish to the pixels, of
// the network on the page. What a browser does not tell is null or said so; the load of the machine is such a thing, so no report of a
// browser counts as quiet, and none gives a row in docs/latency.md.

const WARMUP = 3;
const ITERATIONS = 20;
const REPEATS = 2;

export async function bench(engine, { source, tell }) {
  const date = new Date().toISOString().replace(/\.\d+/, "");
  const { info } = (await navigator.gpu.requestAdapter()) ?? {};
  const draw = async () => {
    const start = performance.now();
    (await engine.generate({ seed: 1, psi: 0.7 })).close();
    return performance.now() - start;
  };
  for (let i = 0; i < WARMUP; i++) await draw();
  const samples = [];
  for (let repeat = 0; repeat < REPEATS; repeat++) {
    samples.push([]);
    for (let i = 0; i < ITERATIONS; i++) {
      tell(`Measuring: ${repeat * ITERATIONS + i + 1} of ${REPEATS * ITERATIONS} ...`);
      samples[repeat].push(await draw());
    }
  }
  const passes = await engine.profile().catch(() => []);
  const wall = stat(samples);
  const { width, height } = engine;
  return {
    schema: 2,
    id: null,
    date,
    engine: { name: "stylegan-wgpu in a browser", version: engine.version, build: "release" },
    device: { name: [info?.vendor, info?.architecture, info?.description].filter(Boolean).join(" ") || "not told", backend: "WebGPU", driver: navigator.userAgent, type: "Other", pci: null },
    host: { os: navigator.userAgentData?.platform || navigator.platform || "not told", arch: "wasm32", cpu: null, threads: navigator.hardwareConcurrency ?? 0 },
    made: null,
    protocol: { name: "custom", version: 1, warmup_seconds: 0, duration_seconds: null, iterations: ITERATIONS, repeats: REPEATS },
    ceilings: null,
    quality: { verdict: "noisy", reasons: ["a browser does not tell what else the machine does"], cov_percent: wall.cov_percent, load: {} },
    score: null,
    peak_memory_bytes: null,
    results: [
      {
        network: { name: engine.network, source, sha256: null, resolution: height, width: width === height ? null : width, parameters: engine.parameters, gmac: engine.gmac, gmac_papers: engine.gmacPapers },
        precision: engine.precision,
        cold_ms: null,
        mapping_ms: null,
        runs: [
          {
            batch: 1,
            gpu_ms: null,
            gpu_passes_ms: passes.length ? stat([[passes.reduce((sum, { ms }) => sum + ms, 0)]]) : null,
            wall_ms: null,
            wall_readback_ms: wall,
            images_per_second: 1000 / wall.median,
            offline: null,
            picture: null,
            telemetry: null,
            floor_ms: null,
            plan_memory_bytes: engine.memory,
            layers: [],
          },
        ],
      },
    ],
  };
}

function stat(samples) {
  const sorted = samples.flat().sort((a, b) => a - b);
  const mean = sorted.reduce((sum, one) => sum + one, 0) / sorted.length;
  const deviation = Math.sqrt(sorted.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (sorted.length - 1));
  // Linear between neighbours.
  const percentile = (part) => {
    const at = part * (sorted.length - 1);
    const [below, above] = [sorted[Math.floor(at)], sorted[Math.ceil(at)]];
    return below + (above - below) * (at - Math.floor(at));
  };
  const enough = sorted.length >= 20;
  return {
    count: sorted.length,
    median: percentile(0.5),
    p90: enough ? percentile(0.9) : null,
    p99: enough ? percentile(0.99) : null,
    least: sorted[0],
    most: sorted.at(-1),
    cov_percent: sorted.length >= 3 ? (100 * deviation) / mean : null,
    samples,
  };
}
