//! From z to styles: mapping, truncation, affine maps, demodulation.

use super::*;

#[test]
fn mapping_kernels_equal_their_twins() {
    for (seed, [n, z_dim, embed, w_dim]) in (0..).zip([[1, 512, 0, 512], [3, 7, 5, 9], [2, 64, 0, 33], [1, 0, 12, 16]]) {
        let mut layer = Layer::new(seed);
        let z = (z_dim > 0).then(|| layer.input("z", [n, z_dim, 1, 1], DType::F32, Layout::Flat));
        let label = (embed > 0).then(|| layer.input("label", [n, embed, 1, 1], DType::F32, Layout::Flat));
        layer.plan.normalize_2nd_moment_jointly("jointly", z, label);
        let x = layer.plan.normalize_2nd_moment("normalize", z, label);
        let weight = layer.input("weight", [w_dim, z_dim + embed, 1, 1], DType::F32, Layout::Flat);
        let bias = layer.input("bias", [1, w_dim, 1, 1], DType::F32, Layout::Flat);
        layer.plan.fully_connected("fc", x, weight, bias, 0.2, 1.5);
        if let Some(z) = z.filter(|_| label.is_none()) {
            layer.plan.fully_connected_normalized("normalised fc", z, weight, bias, 0.2, 1.5);
        }
        check(&format!("mapping {n} {z_dim}+{embed}>{w_dim}"), layer.plan, &layer.inputs, &Options::default());
    }
}

#[test]
fn truncate_equals_its_twin() {
    for (seed, [latents, rows, w_dim, averages]) in (0..).zip([[1, 18, 512, 1], [3, 8, 33, 4], [2, 5, 16, 5]]) {
        let mut layer = Layer::new(seed);
        let w = layer.input("w", [latents, w_dim, 1, 1], DType::F32, Layout::Flat);
        let w_avg = layer.input("w_avg", [averages, w_dim, 1, 1], DType::F32, Layout::Flat);
        let table = (0..rows).flat_map(|r| [(r % latents) as f32, (r % averages) as f32, [0.7, 1.0, -0.5][r % 3], 0.0]).collect();
        let table = layer.plan.constant("table", [rows, 4, 1, 1], DType::F32, Layout::Flat, fixed(table));
        let direction = layer.input("direction", [rows, w_dim, 1, 1], DType::F32, Layout::Flat);
        layer.plan.truncate("truncate", w, w_avg, table, direction);
        check(&format!("truncate {latents}>{rows} {w_dim}"), layer.plan, &layer.inputs, &Options::default());
    }
}

#[test]
fn affine_and_demodulate_equal_their_twins() {
    for (seed, [n, num_ws, w_dim, styles]) in (0..).zip([[1, 4, 16, 32], [3, 2, 33, 64], [2, 18, 512, 96]]) {
        let mut layer = Layer::new(seed);
        let ws = layer.input("ws", [n * num_ws, w_dim, 1, 1], DType::F32, Layout::Flat);
        let matrix = layer.input("matrix", [styles, w_dim, 1, 1], DType::F32, Layout::Flat);
        let slots = (0..styles).flat_map(|r| [layer.random.next(), (r * 7 % num_ws) as f32, 0.0, 0.0]).collect();
        let table = layer.plan.constant("table", [styles, 4, 1, 1], DType::F32, Layout::Flat, fixed(slots));
        let style = layer.plan.affine("affine", ws, num_ws, matrix, table);
        // Two layers: rows of 4 and of 8 groups of inputs; the last rows are padding.
        let rows: Vec<[f32; 4]> = (0..12)
            .map(|r| match r {
                0..6 => [1.0 + r as f32, 1.0, 4.0, (r * 4) as f32],
                6..10 => [0.5, 0.0, 8.0, (24 + (r - 6) * 8) as f32],
                _ => [0.0; 4],
            })
            .collect();
        let energies = layer.random.values(4 * (24 + 32)).into_iter().map(f32::abs).collect::<Vec<_>>();
        let energies = layer.plan.constant("energies", [1, energies.len(), 1, 1], DType::F32, Layout::Flat, fixed(energies));
        let table = layer.plan.constant("rows", [12, 4, 1, 1], DType::F32, Layout::Flat, fixed(rows.concat()));
        layer.plan.demodulate("demodulate", style, energies, table);
        check(&format!("affine {n} {num_ws} {w_dim} {styles}"), layer.plan, &layer.inputs, &Options::default());
    }
}

#[test]
fn normalize_styles_equals_its_twin() {
    for (seed, scale) in (0..).zip([1.0, 1e-24, 1e24, 0.0]) {
        let mut layer = Layer::new(seed);
        let styles = layer.input("styles", [2, 96, 1, 1], DType::F32, Layout::Flat);
        // Of 32 rows of a layer 7 are its own.
        let of_layer = |row: usize| {
            if row % 96 < 32 {
                scale
            } else if (39..64).contains(&(row % 96)) {
                0.0
            } else {
                1.0
            }
        };
        layer.inputs.get_mut("styles").expect("the input").iter_mut().enumerate().for_each(|(row, value)| *value *= of_layer(row));
        let table = fixed(vec![0.0, 8.0, 32.0, 0.0, 8.0, 8.0, 7.0, 0.0, 16.0, 8.0, 0.0, 0.0]);
        let layers = layer.plan.constant("layers", [3, 4, 1, 1], DType::F32, Layout::Flat, table);
        layer.plan.normalize_styles("normalize", styles, layers);
        check(&format!("styles of {scale:e}"), layer.plan, &layer.inputs, &Options::default());
    }
}
