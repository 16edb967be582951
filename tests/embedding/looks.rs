//! What a look says is what is drawn.

use super::*;

/// Truncation, mixing and directions on the device against the same on the host.
#[test]
fn a_look_is_what_it_says() {
    let mut generator = Generator::new(gpu(), &model(1), &Options::new().precision(PrecisionChoice::F32).batch(2)).unwrap();
    let w_avg = generator.w_avg();
    let mut ws = |seed: u32| generator.mapping(&latent::z(seed, 16), None).unwrap();
    let [mut a, mut b, mixed] = [ws(1), ws(2), ws(3)];
    let direction: Vec<f32> = (0..16).map(|i| i as f32 / 16.0 - 0.4).collect();
    for image in [&mut a, &mut b] {
        image.mix(0, &[2, 3, 4], &mixed, 0).unwrap();
        Truncation { psi: 0.6, cutoff: Some(4) }.apply(image, &w_avg).unwrap();
        image.values.iter_mut().zip(direction.iter().cycle()).for_each(|(value, step)| *value += 1.5 * step);
    }
    let look = Look::new().psi(0.6).cutoff(4).mix(3, 2..5).direction(&direction, 1.0).direction(&direction, 0.5);
    let got = generator.submit_f32(&[1, 2], &look).unwrap().wait().unwrap();
    for (i, ws) in [&a, &b].into_iter().enumerate() {
        let want = generator.submit_f32(ws, &Look::new()).unwrap().wait().unwrap().remove(0);
        compare(&format!("picture {i}"), &got[i], &want, 2e-5);
    }
    // The same look for rows of w that the host has.
    let given = generator.mapping(&latent::z(1, 16), None).unwrap();
    let moved = generator.submit_f32(&given, &Look::new().psi(0.6).cutoff(4).direction(&direction, 1.5)).unwrap().wait().unwrap();
    let seed = Look::new().psi(0.6).cutoff(4).direction(&direction, 1.5);
    compare("ws", &moved[0], &generator.submit_f32(1, &seed).unwrap().wait().unwrap()[0], 2e-5);
    let differs = |look: &Look, generator: &mut Generator| generator.submit_f32(1, look).unwrap().wait().unwrap()[0] != got[0];
    for other in [look.clone().psi(0.5), look.clone().cutoff(3), look.clone().mix(4, 0..1), look.clone().direction(&direction, 0.1)] {
        assert!(differs(&other, &mut generator), "{other:?}");
    }
}

#[test]
fn a_look_that_does_not_fit_says_what_would() {
    let mut generator = Generator::new(gpu(), &model(1), &Options::new()).unwrap();
    let mut message = |input: Input<'_>, look: Look| match generator.submit(input, &look) {
        Err(Error::Argument(text)) => text,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("drawn"),
    };
    let ws = Ws::new(1, 8, 16, vec![0.0; 128]).unwrap();
    assert!(message(1.into(), Look::new().psi(f32::NAN)).contains("psi is NaN"));
    assert!(message(1.into(), Look::new().class(0)).contains("no classes"));
    assert!(message(1.into(), Look::new().mix(2, 6..9)).contains("8 rows of w"));
    assert!(message(1.into(), Look::new().direction(&[0.0; 3], 1.0)).contains("w has 16, in 8 layers"));
    assert!(message(1.into(), Look::new().direction(&[f32::NAN; 16], 1.0)).contains("finite"));
    assert!(message(1.into(), Look::new().preview(7)).contains("no preview of 7"));
    assert!(message((&ws).into(), Look::new().mix(2, 0..1)).contains("Ws::mix"));
    assert!(message((&ws).into(), Look::new().class(3)).contains("no classes"));
    assert!(message(Input::Z(&[0.0; 17]), Look::new()).contains("z_dim 16"));
    assert!(message((&[][..]).into(), Look::new()).contains("z_dim 16"));
    assert!(message((&[1, 2]).into(), Look::new()).contains("batch of 1"));
    let offset = StyleOffset { layer: "b64.conv0".into(), channel: 0, amount: 1.0 };
    assert!(message(1.into(), Look::new().style(offset)).contains("b32.conv1"));
}

#[test]
fn previews_are_the_pictures_of_the_blocks() {
    let mut generator = Generator::new(gpu(), &model(1), &Options::new()).unwrap();
    for resolution in [4, 8, 16, 32] {
        let preview = generator.picture(5, &Look::new().preview(resolution)).unwrap();
        assert_eq!(preview.dimensions(), (resolution as u32, resolution as u32));
        let last = generator.tap(&format!("b{resolution}.torgb"), 5, &Look::new()).unwrap().wait().unwrap().remove(0);
        let byte = |value: f32| (value * 127.5 + 128.0).clamp(0.0, 255.0) as u8;
        let want = |i: usize| [0, 1, 2].map(|c| byte(last[c * resolution * resolution + i]));
        assert!(preview.pixels().enumerate().all(|(i, pixel)| pixel.0[..3] == want(i)), "{resolution}");
    }
    assert_eq!(picture(&mut generator, 5, &Look::new().preview(SIDE)), picture(&mut generator, 5, &Look::new()));
    let conv = generator.tap("b16.conv1", 5, &Look::new()).unwrap().wait().unwrap();
    assert!(conv[0].len() == 24 * 16 * 16 && conv[0].iter().any(|&value| value != conv[0][0]));
    let unknown = generator.tap("b16.conv9", 5, &Look::new()).err().unwrap().to_string();
    assert!(unknown.contains("b16.conv9") && unknown.contains("b16.conv1"), "{unknown}");
}
