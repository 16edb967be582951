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
struct Pair { a: vec4<f16>, b: vec4<f16> }  // two inputs to 4 outputs: a load of 16 bytes
override LANES: u32 = 32;  // of a subgroup
override THREADS: u32 = 4 * LANES;

const X_PITCH = 6u;             // [4 subgroups][3 taps][SIDE pixels] of 16 inputs and 16 bytes of padding
const X_SIZE = 12 * SIDE * X_PITCH;
const W_PITCH = SIDE / 2 + 2;   // [4 subgroups][3 taps][16 inputs] of 2 SIDE outputs and 16 bytes of padding
const W_SIZE = 192 * W_PITCH;
const SUM_PITCH = SIDE + 4;     // [4 subgroups][SIDE pixels]
var<workgroup> staged_sum: array<f32, 4 * SIDE * SUM_PITCH>;
// Of the next step: up to 4 * 3 * SIDE groups of pixels and as many pairs of weights, of all lanes: 6 of each, 12 with 8 lanes.
var<private> fetched_x: array<vec4<f16>, 12>;
var<private> fetched_style: array<vec4<f32>, 12>;
var<private> fetched_a: array<vec4<f16>, 12>;
var<private> fetched_b: array<vec4<f16>, 12>;

// Where a pixel is.
struct Spot { n: u32, y: i32, x: i32 }

// Pixel m of the band, counted through columns, rows and images.
fn spot(m: u32, width: u32) -> Spot {
    let row = m / width;
    return Spot(p.band.n + row / p.band.rows, i32(p.band.y + row % p.band.rows), i32(m % width));
}

// Row k of the taps, 16 inputs from group `first` on, into registers. Inputs beyond the last count as zero; outputs beyond
// the last repeat others and are not stored.
fn fetch(pixel: Spot, tile: u32, first: u32, k: u32, taps: u32, lane: u32) {
    let there = select(0.0, 1.0, first < p.x.channels);
    let inputs = min(first, p.x.channels - 4);
    let blocks = (p.y.channels + 7) / 8 * 2;  // of 16 outputs
    for (var f = 0u; f < (4 * taps * SIDE + LANES - 1) / LANES; f++) {
        let i = f * LANES + lane;
        if (i < 4 * taps * SIDE) {
            let c = inputs + i / (SIDE * taps);
            fetched_x[f] = x[at(p.x, pixel.n, c, pixel.y + shift(k), pixel.x + shift(i / SIDE % taps))];
            fetched_style[f] = style[p.style + pixel.n * p.style_n + c] * there;
            let block = min(tile * SIDE / 8 + i / (32 * taps), blocks - 1);
            let weights = w[(((block * p.x.channels + inputs + i / (8 * taps) % 4) * taps + k) * taps + i / 8 % taps) * 8 + i % 8];
            fetched_a[f] = weights.a;
            fetched_b[f] = weights.b;
        }
    }
}

// What was fetched, into the subgroup's part of workgroup memory.
fn stage(subgroup: u32, taps: u32, lane: u32) {
    for (var f = 0u; f < (4 * taps * SIDE + LANES - 1) / LANES; f++) {
        let i = f * LANES + lane;
        if (i < 4 * taps * SIDE) {
            let pixel = (subgroup * 3 + i / SIDE % taps) * SIDE + i % SIDE;
            stage_x(pixel * X_PITCH + i / (SIDE * taps), vec4<f16>(widen(fetched_x[f]) * fetched_style[f]));
            let row = (subgroup * 3 + i / 8 % taps) * 16 + i / (8 * taps) % 4 * 4 + i % 2 * 2;
            let outputs = row * W_PITCH + i / (32 * taps) * 4 + i % 8 / 2;
            stage_w(outputs, fetched_a[f]);
            stage_w(outputs + W_PITCH, fetched_b[f]);
        }
    }
}

// sum += x * W of tap l for the subgroup's 16 inputs and both fragments of outputs.
fn multiply_tap(sum0: ptr<function, MatSum>, sum1: ptr<function, MatSum>, subgroup: u32, l: u32) {
    for (var i = 0u; i < 16; i += SIDE) {
        let a = load_x((subgroup * 3 + l) * SIDE * X_PITCH + i / 4);
        let b = ((subgroup * 3 + l) * 16 + i) * W_PITCH;
        *sum0 = multiply_add(a, load_w(b), *sum0);
        *sum1 = multiply_add(a, load_w(b + SIDE / 4), *sum1);
    }
}

// The subgroups' sums of a fragment, added: four outputs (i / SIDE) of a pixel (i % SIDE).
fn added(i: u32) -> vec4<f32> {
    var sum = vec4<f32>();
    for (var s = 0u; s < 4; s++) {
        let j = (s * SIDE + i % SIDE) * SUM_PITCH + i / SIDE * 4;
        sum += vec4(staged_sum[j], staged_sum[j + 1], staged_sum[j + 2], staged_sum[j + 3]);
    }
    return sum;
}

