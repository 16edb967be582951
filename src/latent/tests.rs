use super::*;

/// Bits of `RandomState(seed).randn(10000)`, the first six values and the last, from NumPy 2.4.6 on x86-64 Linux.
const NUMPY: [(u32, [u64; 6], u64); 5] = [
    (
        0,
        [0x3ffc398ef3e5cfa5, 0x3fd99c2cfacc8953, 0x3fef51d25222c9ab, 0x4001ed5969e3314e, 0x3ffde1847cb13dda, 0xbfef45dc42a58c82],
        0x3ff4c5107e32281a,
    ),
    (
        1,
        [0x3ff9fd5190657c50, 0xbfe393822fb7d9ad, 0xbfe0e6c872548fd2, 0xbff12ae1255cb80c, 0x3febb16b5735117d, 0xc002698d1ecca259],
        0xbff70183dc4f5796,
    ),
    (
        85,
        [0x3fc6a30b5fa763c9, 0x400305a3f4656769, 0x3feff59e9bcf90d7, 0xbff4f660ae9db54e, 0x3fc710769d3edf49, 0xbffc3c6eb5eab617],
        0x3f85d7d4a8d07cd0,
    ),
    (
        2147483648,
        [0x3fd461e9b1db9e84, 0xbfd620d341998be7, 0x3fccdf64e98a6ca1, 0x3ff8355f7470ef24, 0xbff48b3d06f227f4, 0xbfef2607d2fdc252],
        0x3ffada514592a729,
    ),
    (
        4294967295,
        [0x3fe4bfc38c486d8a, 0x3fe56b192e507eee, 0xbff149e836f192fd, 0x3fd23543dec5a0fc, 0x3fbd27bf27c6aaaf, 0x3febc38efd644bd1],
        0x3ff04a383e81de05,
    ),
];

#[test]
fn seeds_equal_numpy_bit_for_bit() {
    for (seed, first, last) in NUMPY {
        let values = RandomState::new(seed).randn(10000);
        assert_eq!(values[..6].iter().map(|value| value.to_bits()).collect::<Vec<_>>(), first, "seed {seed}");
        assert_eq!(values[9999].to_bits(), last, "seed {seed}, value 9999");
    }
}

#[test]
fn z_is_the_first_values_in_f32() {
    assert_eq!(z(0, 3), [1.764052345967664_f64, 0.4001572083672233, 0.9787379841057392].map(|value| value as f32));
    assert_eq!(z(85, 513)[..5], z(85, 5));
    assert!(z(0, 0).is_empty());
}

#[test]
fn z_equals_that_of_the_fixtures() {
    let tiny = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/tiny");
    let mut cases = 0;
    for folder in std::fs::read_dir(&tiny).unwrap_or_else(|error| panic!("{}: {error}", tiny.display())) {
        let folder = folder.unwrap().path();
        let case: serde_json::Value = serde_json::from_slice(&std::fs::read(folder.join("case.json")).unwrap()).unwrap();
        let file = std::fs::read(folder.join("expected.safetensors")).unwrap();
        let expected = safetensors::SafeTensors::deserialize(&file).unwrap().tensor("z").unwrap();
        let (seeds, z_dim) = (case["seeds"].as_array().unwrap(), expected.shape()[1]);
        let got: Vec<f32> = seeds.iter().flat_map(|seed| z(seed.as_u64().unwrap() as u32, z_dim)).collect();
        let want: Vec<f32> = expected.data().chunks_exact(4).map(|b| f32::from_le_bytes(b.try_into().unwrap())).collect();
        assert_eq!(got, want, "{}", folder.display());
        cases += 1;
    }
    assert_eq!(cases, 7);
}

/// Two images, three layers, rows of two: 0, 1, ... 11.
fn counting() -> Ws {
    Ws::new(2, 3, 2, (0..12).map(|i| i as f32).collect()).unwrap()
}

#[test]
fn truncation_moves_the_first_rows_towards_the_average() {
    let mut ws = counting();
    Truncation { psi: 0.5, cutoff: Some(2) }.apply(&mut ws, &[10.0, -10.0]).unwrap();
    assert_eq!(ws.image(0), [5.0, -4.5, 6.0, -3.5, 4.0, 5.0]);
    assert_eq!(ws.image(1), [8.0, -1.5, 9.0, -0.5, 10.0, 11.0]);

    let mut ws = counting();
    Truncation { psi: 0.0, cutoff: Some(99) }.apply(&mut ws, &[1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
    assert_eq!(ws.image(1), [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]);

    let mut ws = counting();
    Truncation { psi: 1.0, cutoff: None }.apply(&mut ws, &[1e30, 1e30]).unwrap();
    assert_eq!(ws, counting(), "psi 1 must not round");
    Truncation { psi: -1.0, cutoff: Some(0) }.apply(&mut ws, &[1.0, 1.0]).unwrap();
    assert_eq!(ws, counting(), "cutoff 0 truncates nothing");
    assert!(Truncation { psi: 0.5, cutoff: None }.apply(&mut ws, &[0.0; 3]).is_err());
}

#[test]
fn mixing_replaces_rows_of_one_image() {
    let mut ws = counting();
    let styles = Ws::broadcast(&[-1.0, -2.0, -3.0, -4.0], 2, 3);
    ws.mix(1, &[0, 2], &styles, 1).unwrap();
    assert_eq!(ws.image(0), counting().image(0));
    assert_eq!(ws.image(1), [-3.0, -4.0, 8.0, 9.0, -3.0, -4.0]);
    assert!(ws.mix(1, &[3], &styles, 1).unwrap_err().to_string().contains("layer 3"));
    assert!(ws.mix(2, &[0], &styles, 1).is_err() && ws.mix(0, &[0], &styles, 2).is_err());
    assert!(ws.mix(0, &[0], &Ws::broadcast(&[1.0], 1, 3), 0).is_err());
}

#[test]
fn ws_hold_what_they_say() {
    let ws = Ws::broadcast(&[1.0, 2.0, 3.0, 4.0], 2, 2);
    assert_eq!(ws.values, [1.0, 2.0, 1.0, 2.0, 3.0, 4.0, 3.0, 4.0]);
    assert_eq!(ws.slice(1..2), Ws::broadcast(&[3.0, 4.0], 2, 2));
    assert!(Ws::new(usize::MAX, 2, 1, vec![]).is_err());
}

#[test]
fn interpolation_meets_its_ends() {
    let (a, b) = (z(0, 64), z(1, 64));
    let length = |v: &[f32]| v.iter().map(|x| x * x).sum::<f32>().sqrt();
    let close = |a: &[f32], b: &[f32]| a.iter().zip(b).all(|(a, b)| (a - b).abs() < 1e-5);
    assert!(close(&slerp(&a, &b, 0.0), &a) && close(&slerp(&a, &b, 1.0), &b));
    assert!((length(&slerp(&a, &b, 0.5)) - (length(&a) + length(&b)) / 2.0).abs() < 1e-4);
    assert!(length(&lerp(&a, &b, 0.5)) < 0.9 * length(&slerp(&a, &b, 0.5)));
    assert_eq!(slerp(&[0.0], &[1.0], 0.5), [0.5]);
}

/// NumPy 2.4.6: `a = numpy.arange(n); numpy.random.RandomState(seed).shuffle(a)`.
#[test]
fn shuffling_equals_numpy() {
    let shuffled = |random: &mut RandomState, n: usize| {
        let mut items: Vec<usize> = (0..n).collect();
        random.shuffle(&mut items);
        items
    };
    assert_eq!(shuffled(&mut RandomState::new(0), 10), [2, 8, 4, 9, 1, 6, 7, 3, 0, 5]);
    let many = shuffled(&mut RandomState::new(4294967295), 257);
    assert_eq!((&many[..6], &many[251..]), (&[21, 120, 94, 175, 6, 113][..], &[250, 214, 64, 180, 71, 12][..]));
    assert!(shuffled(&mut RandomState::new(1), 0).is_empty() && shuffled(&mut RandomState::new(1), 1) == [0]);
    // Between normal values, one of which is kept for later.
    let mut random = RandomState::new(3);
    random.randn(3);
    assert_eq!(shuffled(&mut random, 5), [0, 4, 1, 2, 3]);
    assert_eq!(random.next_gaussian() as f32, -1.8634927);
}

/// K keyframes of [2, 2] from `RandomState(K).randn(K * 4)`.
fn keyframes(count: usize, interpolation: Interpolation) -> Keyframes {
    Keyframes::new(Ws::new(count, 2, 2, z(count as u32, 4 * count)).unwrap(), interpolation).unwrap()
}

/// SciPy 1.17.1: `interp1d(numpy.arange(-2 * K, 3 * K), numpy.tile(keyframes, [5, 1, 1]), kind, axis=0)(t)`.
#[test]
fn paths_equal_scipy() {
    use Interpolation::{Cubic, Linear};
    for (count, interpolation, t, want) in [
        (1, Cubic, 0.25, [1.624345422, -0.6117563844, -0.5281717777, -1.072968602]),
        (2, Cubic, 0.25, [-0.6339623399, -0.1801955354, -1.719817286, 1.185003523]),
        (2, Cubic, 1.5, [-1.121885465, -0.4585861153, -0.7844734919, 0.1623016043]),
        (2, Cubic, 2.0 - 1.0 / 120.0, [-0.417961836, -0.05695377371, -2.133888111, 1.637747241]),
        (3, Cubic, 0.0, [1.788628459, 0.4365098476, 0.09649746865, -1.863492727]),
        (3, Cubic, 0.25, [1.51874382, 0.3728910844, 0.3077835578, -2.011695058]),
        (3, Cubic, 2.5, [1.160385403, 0.0634018318, -0.740412465, -0.4549801447]),
        (3, Cubic, 3.0 - 1.0 / 120.0, [1.790333167, 0.4353796127, 0.08611574762, -1.850617405]),
        (5, Cubic, 0.25, [0.2390114556, -0.04380244805, 2.097055689, -0.4854138279]),
        (5, Cubic, 4.5, [1.005969734, 0.5987708192, 0.8235209783, 0.3987371868]),
        (3, Linear, 0.25, [1.27212429, 0.2386926413, 0.05168773234, -1.554369718]),
        (3, Linear, 2.5, [0.8724051192, -0.02035409212, -0.6086836457, -0.4894351363]),
    ] {
        let got = keyframes(count, interpolation).at(t);
        assert_eq!((got.n, got.num_ws, got.w_dim), (1, 2, 2));
        for (got, want) in got.values.iter().zip(want) {
            assert!((f64::from(*got) - want).abs() < 2e-7, "{count} {interpolation:?} {t}: {got} instead of {want}");
        }
    }
}

#[test]
fn paths_are_closed_and_go_through_their_keyframes() {
    for interpolation in [Interpolation::Cubic, Interpolation::Linear] {
        let path = keyframes(5, interpolation);
        for i in 0..5 {
            assert_eq!(path.at(i as f64).values, z(5, 20)[4 * i..4 * i + 4], "{interpolation:?} {i}");
            assert_eq!(path.at(i as f64 + 0.5), path.at(i as f64 - 4.5));
        }
        assert_eq!(path.at(-1e-300), path.at(5.0f64.next_down()));
        let (before, after) = (path.at(5.0 - 1e-6), path.at(0.0));
        assert!(before.values.iter().zip(&after.values).all(|(a, b)| (a - b).abs() < 1e-5));
    }
    assert!(Keyframes::new(Ws { n: 0, num_ws: 2, w_dim: 2, values: vec![] }, Interpolation::Cubic).is_err());
}
