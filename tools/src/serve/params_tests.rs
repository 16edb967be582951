use super::*;

fn query(raw: &str) -> Query {
    Query::new(Some(raw), &[&["seed", "layers"], LOOK, FILE]).unwrap()
}

fn named(error: ApiError) -> (String, String) {
    match error {
        ApiError::Parameter(name, message) => (name.into(), message),
        other => panic!("{other:?}"),
    }
}

#[test]
fn unknown_and_repeated_parameters_are_named() {
    let refuse = |raw: &str| named(Query::new(Some(raw), &[&["seed"], FILE]).err().unwrap());
    assert_eq!(refuse("seeds=1"), ("seeds".into(), "unknown; this path has seed, size, format, network".into()));
    assert_eq!(refuse("seed=1&seed=1"), ("seed".into(), "is there twice".into()));
    assert_eq!(refuse("%0a%00x=1").0, "  x");
    assert_eq!(refuse(&"x".repeat(10_000)).0.len(), 43);
    assert!(Query::new(None, &[]).is_ok() && Query::new(Some(""), &[]).is_ok());
}

#[test]
fn parameters_are_bounded() {
    let facts = Facts::example();
    for (raw, name) in [
        ("trunc=2.1", "trunc"),
        ("trunc=NaN", "trunc"),
        ("trunc=inf", "trunc"),
        ("trunc=", "trunc"),
        ("cutoff=13", "cutoff"),
        ("class=0", "class"),
        ("noise=loud", "noise"),
        ("noise_seed=1", "noise_seed"),
        ("moves=2:1", "moves"),
        ("moves=0", "moves"),
        ("moves=0:21", "moves"),
        ("moves=0:1,0:2", "moves"),
        ("moves=0:NaN", "moves"),
        ("noise=random&noise_seed=-1", "noise_seed"),
        ("translate=1", "translate"),
        ("translate=1,NaN", "translate"),
        ("translate=1,2,3", "translate"),
        ("translate=101,0", "translate"),
        ("rotate=361", "rotate"),
        ("zoom=0", "zoom"),
        ("zoom=-1", "zoom"),
        // Of a network that is none of StyleGAN3.
        ("zoom=2", "zoom"),
    ] {
        assert_eq!(named(query(raw).look(&facts).unwrap_err()).0, name, "{raw}");
    }
    for (raw, name) in [("size=100", "size"), ("size=256", "size"), ("size=8", "size"), ("format=npy", "format"), ("network=x", "network")]
    {
        assert_eq!(named(query(raw).file(&facts).unwrap_err()).0, name, "{raw}");
    }
    for raw in ["seed=-1", "seed=4294967296", "seed=1.5", "seed=+1", "seed=", "seed=%00", "seed=1e3", "seed=0x1"] {
        assert_eq!(named(query(raw).seed("seed").unwrap_err()).0, "seed", "{raw}");
    }
    for raw in ["layers=", "layers=12", "layers=5-3", "layers=1,1", "layers=1-3,2", "layers=0-99999999999", "layers=-1"] {
        assert_eq!(named(query(raw).layers("layers", 12).unwrap_err()).0, "layers", "{raw}");
    }
}

#[test]
fn parameters_are_understood() {
    let facts = Facts::example();
    let look = query("trunc=-0.5&cutoff=4&noise=random&noise_seed=7").look(&facts).unwrap();
    assert_eq!(
        look,
        Look {
            truncation: Truncation { psi: -0.5, cutoff: Some(4) },
            shift: None,
            class: None,
            noise: Noise::Random { seed: 7 },
            place: None
        }
    );
    let usual = query("").look(&facts).unwrap();
    assert_eq!(
        usual,
        Look { truncation: Truncation { psi: 1.0, cutoff: None }, shift: None, class: None, noise: Noise::Const, place: None }
    );
    let moved = Facts { has_place: true, ..Facts::example() };
    assert_eq!(query("translate=0.5,-1&zoom=2").place(&moved).unwrap(), Some(Place { translate: [0.5, -1.0], rotate: 0.0, zoom: 2.0 }));
    assert_eq!(query("rotate=0").place(&moved).unwrap(), Some(Place::HERE));
    assert_eq!(query("").place(&moved).unwrap(), None);
    let id = &facts.id;
    let file = query(&format!("size=32&format=webp&network={id}")).file(&facts).unwrap();
    assert_eq!(file, File { side: 32, format: Format::Webp, pinned: true });
    assert_eq!(query("").file(&facts).unwrap(), File { side: 128, format: Format::Jpg, pinned: false });
    assert_eq!(query("layers=9,4-6").layers("layers", 12).unwrap(), Some(vec![4, 5, 6, 9]));
    assert_eq!(query("seed=4294967295").seed("seed").unwrap(), Some(u32::MAX));
    assert_eq!(sides((1024, 1024)), [1024, 512, 256, 128, 64, 32, 16]);
    assert_eq!(sides((8, 8)), [8]);
    assert_eq!(sides((1024, 512)), [1024, 512, 256, 128, 64, 32]);
    assert_eq!(sides((48, 80)), [80, 40]);
    let wide = Facts { height: 64, ..Facts::example() };
    assert_eq!(query("").file(&wide).unwrap().side, 128);
    assert_eq!(query("moves=1:-2").look(&facts).unwrap().shift, Some(vec![0.0, 0.0, -4.0, 0.0]));
    let early = Facts { directions: Default::default(), ..Facts::example() };
    assert!(matches!(query("moves=1:-2").look(&early), Err(ApiError::Searching)));
    assert_eq!(query("seed=1,2,1").seeds("seed", 2..=3).unwrap(), Some(vec![1, 2, 1]));
    for raw in ["seed=1", "seed=1,2,3,4", "seed=1,,2", "seed="] {
        assert_eq!(named(query(raw).seeds("seed", 2..=3).unwrap_err()).0, "seed", "{raw}");
    }
}

#[test]
fn conditional_networks_need_a_class_and_alpha_needs_a_format() {
    let facts = Facts { classes: 5, channels: 4, ..Facts::example() };
    assert!(named(query("").look(&facts).unwrap_err()).1.contains("0 to 4"));
    assert_eq!(query("class=4").look(&facts).unwrap().class, Some(4));
    assert_eq!(named(query("class=5").look(&facts).unwrap_err()).0, "class");
    assert!(named(query("format=jpg").file(&facts).unwrap_err()).1.contains("alpha"));
    assert_eq!(query("").file(&facts).unwrap().format, Format::Png);
}

/// Thousands of queries made of what parameters are made of, always the same ones: an answer or an error that names a parameter in
/// one line, and what is accepted is within its bounds.
#[test]
fn any_query_has_an_answer() {
    const PIECES: &str = "seed trunc cutoff moves class noise noise_seed size format network layers translate rotate zoom = = = & & & % %00 %ff + , : - 0 1 7 9 \
                          99999999999 4294967295 . e NaN inf 1e39 random const tf png \u{202e}";
    let pieces: Vec<&str> = PIECES.split(' ').collect();
    let facts = [Facts::example(), Facts { classes: 5, channels: 4, has_place: true, ..Facts::example() }];
    let mut random = stylegan_wgpu::latent::RandomState::new(7);
    let mut below = |bound: usize| ((random.next_gaussian().abs() * 1e9) as usize) % bound;
    let (mut accepted, mut refused) = (0, 0);
    for round in 0..20_000 {
        let text: String = (0..1 + below(24)).map(|_| pieces[below(pieces.len())]).collect();
        let facts = &facts[round % 2];
        let check = |error: ApiError| match error {
            ApiError::Parameter(name, message) => {
                assert!(name.chars().chain(message.chars()).all(stylegan_wgpu::internals::text::is_plain) && message.len() < 400)
            }
            other => panic!("{text}: {other:?}"),
        };
        match Query::new(Some(&text), &[&["seed", "layers"], LOOK, FILE]) {
            Err(error) => {
                refused += 1;
                check(error);
            }
            Ok(query) => {
                match query.look(facts) {
                    Ok(look) => {
                        accepted += 1;
                        assert!(TRUNC.contains(&look.truncation.psi) && look.truncation.cutoff.is_none_or(|cutoff| cutoff <= facts.num_ws));
                        assert!(look.shift.iter().flatten().all(|value| value.is_finite()));
                    }
                    Err(error) => check(error),
                }
                query.file(facts).map_or_else(check, |file| assert!(file.side >= 8));
                query.seeds("seed", 2..=8).map_or_else(check, |seeds| assert!(seeds.is_none_or(|seeds| (2..=8).contains(&seeds.len()))));
                let layers = query.layers("layers", facts.num_ws);
                layers.map_or_else(check, |layers| assert!(layers.iter().flatten().all(|&layer| layer < facts.num_ws)));
            }
        }
    }
    assert!(accepted > 100 && refused > 1000, "{accepted} {refused}");
}
