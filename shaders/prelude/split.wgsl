// Convolutions of small images on matrix units: few pixels, many inputs, so four subgroups share the sum and not the tile.
//
// A workgroup owns SIDE pixels (gathered from rows and images as they come) and 2 SIDE outputs. A subgroup takes every fourth
// 16 inputs, a row of taps at a time: modulated pixels and weights go through its own part of workgroup memory, one copy of the
// pixels for each tap, while the next ones are on their way into registers.
//
//     inputs  0..15  16..31  32..47  48..63  64..79 ...      the four partial sums of a fragment go through workgroup memory
//     subgroup  0       1       2       3       0   ...      and are added in that order
//
// Counted for SIDE 16, 3x3: 16 inputs of 16 pixels x 32 outputs are 147 kFLOP, from 4.6 kB of pixels (a copy for each tap, of a
// cache) and 9.2 kB of weights: 11 FLOP per byte. At 4x4 and 8x8 weights are the cost, read once and four times. Config F at
// 4x4 has 16 workgroups, at 32x32 1024: what that gives is not measured on hardware.
override LANES: u32 = 32;  // of a subgroup
override THREADS: u32 = 4 * LANES;

const X_PITCH = 6u;  // [4 subgroups][3 taps][SIDE pixels] of 16 inputs and 16 bytes of padding
const X_SIZE = 12 * SIDE * X_PITCH;
const W_PITCH = 6u;  // [4 subgroups][3 taps][2 SIDE outputs] of the same
const W_SIZE = 24 * SIDE * W_PITCH;
const SUM_PITCH = SIDE / 4 + 1;  // [4 subgroups][SIDE pixels] of SIDE outputs
const SUM_SIZE = 4 * SIDE * SUM_PITCH;
// Of the next step, of all lanes: 4 SIDE groups of pixels and 2 SIDE blocks of weights a tap, up to 6 and 3, 12 and 6 with 8 lanes. What
// counts up to X_FETCHES or W_FETCHES is unrolled by compilers, and what it indexes stays in registers.
override X_FETCHES: u32 = (TAPS * 4 * SIDE + LANES - 1) / LANES;
override W_FETCHES: u32 = (TAPS * 2 * SIDE + LANES - 1) / LANES;
var<private> fetched_x: array<vec4<f16>, 12>;
var<private> fetched_style: array<vec4<f32>, 12>;
var<private> fetched_w: array<Block, 6>;

// Where a pixel is.
struct Spot { n: u32, y: i32, x: i32 }

// Pixel m of the band, counted through columns, rows and images.
fn spot(m: u32, width: u32) -> Spot {
    let row = m / width;
    return Spot(p.band.n + row / p.band.rows, i32(p.band.y + row % p.band.rows), i32(m % width));
}

// What a lane fetches first: pixels count fastest, then groups of inputs, then taps; so do quads of outputs, groups of inputs, taps.
struct First {
    pixel: i32,   // where its pixel lies in group 0 ...
    style: u32,   // ... and its image's style
    block: u32,   // where a tap of its 4 outputs lies
}

// Outputs beyond the last repeat others and are not stored.
fn find_first(pixel: Spot, tile: u32, lane: u32) -> First {
    let quad = lane % (SIDE / 2);
    let blocks = (p.y.channels + 7) / 8 * 2;  // of 16 outputs
    let block = min(tile * SIDE / 8 + quad / 4, blocks - 1);
    return First(
        at(p.x, pixel.n, 0, pixel.y, pixel.x), p.style + pixel.n * p.style_n, block * p.x.channels * TAPS * TAPS * 4 + quad % 4,
    );
}

// Row k of the taps, 16 inputs from group `stage` on, into registers. Inputs beyond the last count as zero.
fn fetch(first: First, stage: u32, k: u32, lane: u32) {
    let there = select(0.0, 1.0, stage < p.x.channels);
    let inputs = min(stage, p.x.channels - 4);
    for (var f = 0u; f < X_FETCHES; f++) {
        let i = f * LANES + lane;
        if (i < TAPS * 4 * SIDE) {
            let c = inputs + i / SIDE % 4;
            fetched_x[f] = x[first.pixel + i32(c) * p.x.c + shift(k) * p.x.y + shift(i / SIDE / 4) * p.x.x];
            fetched_style[f] = style[first.style + c] * there;
        }
    }
    for (var f = 0u; f < W_FETCHES; f++) {
        let i = f * LANES + lane;
        if (i < TAPS * 2 * SIDE) {
            let c = inputs + i / (SIDE / 2) % 4;
            fetched_w[f] = w[first.block + ((c * TAPS + k) * TAPS + i / (SIDE / 2) / 4) * 4];
        }
    }
}

// What was fetched, into the subgroup's part of workgroup memory.
fn stage(subgroup: u32, lane: u32) {
    for (var f = 0u; f < X_FETCHES; f++) {
        let i = f * LANES + lane;
        if (i < TAPS * 4 * SIDE) {
            let pixel = (subgroup * 3 + i / SIDE / 4) * SIDE + i % SIDE;
            stage_x(pixel * X_PITCH + i / SIDE % 4, vec4<f16>(widen(fetched_x[f]) * fetched_style[f]));
        }
    }
    for (var f = 0u; f < W_FETCHES; f++) {
        let i = f * LANES + lane;
        if (i < TAPS * 2 * SIDE) {
            let output = (subgroup * 3 + i / (SIDE / 2) / 4) * 2 * SIDE + i % (SIDE / 2) * 4;
            let at = output * W_PITCH + i / (SIDE / 2) % 4;
            stage_block(at, fetched_w[f]);
        }
    }
}

// sum += x * W of tap l for the subgroup's 16 inputs and both fragments of outputs.
fn multiply_tap(sum0: ptr<function, MatSum>, sum1: ptr<function, MatSum>, subgroup: u32, l: u32) {
    for (var i = 0u; i < 16; i += SIDE) {
        let a = load_x((subgroup * 3 + l) * SIDE * X_PITCH + i / 4);
        let b = (subgroup * 3 + l) * 2 * SIDE * W_PITCH + i / 4;
        *sum0 = multiply_add(a, load_w(b), *sum0);
        *sum1 = multiply_add(a, load_w(b + SIDE * W_PITCH), *sum1);
    }
}

// The subgroups' sums of a fragment, added: four outputs (i / SIDE) of a pixel (i % SIDE).
fn added(i: u32) -> vec4<f32> {
    let first = i % SIDE * SUM_PITCH + i / SIDE;
    return sum_at(first) + sum_at(first + SIDE * SUM_PITCH) + sum_at(first + 2 * SIDE * SUM_PITCH) + sum_at(first + 3 * SIDE * SUM_PITCH);
}
