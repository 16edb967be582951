//! The page and the npm package that draw in the browser (`make web`), in Chromium with SwiftShader's WebGPU: the pictures of the fixtures,
//! and the page's flows without a server.
//!
//! Where there is no browser, or nothing was built, the tests say so and pass, unless `STYLEGAN_BROWSER=required`.
#![cfg(feature = "serve")]

mod fixtures;
mod hosted;
mod served;
mod webdriver;

use fixtures::{Fixture, rel_l2};
use hosted::browser;
use serde_json::{Value, json};
use stylegan_convert::test_files::{layouts, writer};
use stylegan_wgpu::internals::networks::stylegan2;
use stylegan_wgpu::internals::random_weights::random_weights;
use stylegan_wgpu::{Config, Model};

#[test]
fn fixtures_come_out_in_a_browser() {
    let Some((browser, host)) = browser() else { return };
    browser.shows_a_face(host.0, "/?seed=1");
    let names = [
        "tiny/ada-skip-32",
        "tiny/ada-resnet-cond-16",
        "tiny/rosinality-16",
        "tiny/tf-stylegan2-16",
        "tiny/tf-stylegan1-128",
        "initres-80x48",
        "stylegan3-t-64",
    ];
    let mut compared = 0;
    for name in names {
        let Some(fixture) = Fixture::open(name) else { continue };
        let file = ["network.pkl", "checkpoint.pt"].into_iter().find(|file| fixture.folder.join(file).exists()).unwrap();
        browser.run_async(&format!(
            "const module = await import('/engine/index.js'); window.drawn?.close();
             window.drawn = await module.Stylegan.open('/fixtures/{name}/{file}', {{ precision: 'f32' }});"
        ));
        let case: Value = serde_json::from_slice(&std::fs::read(fixture.folder.join("case.json")).unwrap()).unwrap();
        let class = if case["class_idx"].is_array() { &case["class_idx"][0] } else { &case["class_idx"] };
        let mut wish = json!({ "seed": fixture.seeds()[0], "psi": case["truncation_psi"].as_f64().unwrap_or(1.0) });
        for (key, value) in [("cutoff", &case["truncation_cutoff"]), ("class", class)] {
            if !value.is_null() {
                wish[key] = value.clone();
            }
        }
        let got = browser.run_async(&format!("return Array.from(await drawn.floats({wish}))"));
        let got: Vec<f32> = got.as_array().unwrap().iter().map(|value| value.as_f64().unwrap_or(f64::NAN) as f32).collect();
        let image = fixture.expected("image");
        let error = rel_l2(&got, &image.values[..image.values.len() / fixture.seeds().len()]);
        println!("{name}: rel L2 {error:.2e}");
        assert!(error <= if image.f16 { 3e-4 } else { 2e-5 }, "{name}: rel L2 {error:.2e}");
        compared += 1;
    }
    assert!(compared > 0, "no fixture was compared");
    browser.is_content();
}

#[test]
fn what_goes_wrong_is_said() {
    let Some((browser, host)) = browser() else { return };
    browser.shows_a_face(host.0, "/?seed=1");
    let said = |script: &str| {
        browser.run_async(&format!("try {{ {script} }} catch (error) {{ return String(error.message ?? error); }}")).to_string()
    };
    browser.run_async(
        "const module = await import('/engine/index.js'); window.drawn = await module.Stylegan.open('/open-peeps-128.safetensors');",
    );
    assert!(said("await drawn.generate({ psi: 'x' })").contains("expected f32"));
    assert!(said("await drawn.generate({ sead: 1 })").contains("sead"));
    assert!(said("await drawn.generate({ mix: [{ seed: 2, layers: [0, 99] }] })").contains("12 rows of w"));
    assert!(said("await drawn.load(new Uint8Array([1, 2, 3]))").contains("no checkpoint we know"));
    assert!(said("await drawn.load('/nothing.pkl')").contains("404"));
    let aborted = "const stop = new AbortController(); const [one, two] = [drawn.generate({ seed: 1 }), drawn.generate({ seed: 2 }, { signal: stop.signal })];
         stop.abort(); return [(await one).width, await two.catch((error) => error.name)];";
    assert_eq!(browser.run_async(aborted), json!([128, "AbortError"]));
    for (script, words) in [
        ("await drawn.generate({ psi: NaN })", "psi is NaN"),
        ("await drawn.generate(5)", "an object"),
        ("await drawn.generate({ ws: new Float32Array(12 * drawn.wDim).fill(NaN) })", "rows of w are NaN at 0"),
        ("await drawn.generate({ ws: new Float32Array(5) })", "cannot hold 5 values"),
        ("await drawn.reads(new Uint8Array([1, 2, 3]))", "no checkpoint we know"),
        ("await drawn.settingsOf(new Blob(['no picture at all']))", "neither a PNG"),
        (
            "const other = (await import('/engine/index.js')).Stylegan; await other.open('/open-peeps-128.safetensors', { precision: 'f16' })",
            "this GPU has no 16-bit floats",
        ),
        ("await drawn.ws(-1)", "seed is -1"),
        ("await drawn.ws(1, { class: 0 })", "class is 0"),
        ("await drawn.directions(2, { samples: -1 })", "samples is -1"),
    ] {
        assert!(said(script).contains(words), "{script}: {}", said(script));
    }
    // Into a canvas and a texture of the page's own device: what `generate` gives.
    let drawn = "const canvas = document.createElement('canvas'), wish = { seed: 27 };
         await drawn.draw(canvas, wish);
         const device = await (await navigator.gpu.requestAdapter()).requestDevice();
         const usage = GPUTextureUsage.COPY_DST | GPUTextureUsage.COPY_SRC | GPUTextureUsage.RENDER_ATTACHMENT;
         const texture = device.createTexture({ size: [130, 129], format: 'rgba8unorm', usage });
         await drawn.draw({ device, texture, origin: [2, 1] }, wish);
         const buffer = device.createBuffer({ size: 512 * 128, usage: GPUBufferUsage.COPY_DST | GPUBufferUsage.MAP_READ });
         const encoder = device.createCommandEncoder();
         encoder.copyTextureToBuffer({ texture, origin: [2, 1] }, { buffer, bytesPerRow: 512 }, [128, 128]);
         device.queue.submit([encoder.finish()]);
         await buffer.mapAsync(GPUMapMode.READ);
         const pixels = canvas.getContext('2d').getImageData(0, 0, 128, 128).data, copied = new Uint8Array(buffer.getMappedRange());
         return [canvas.width, canvas.height, new Set(pixels).size > 50, pixels.every((value, i) => value === copied[i])];";
    assert_eq!(browser.run_async(drawn), json!([128, 128, true, true]));
    for target in ["undefined", "{}", "{ device: {} }", "document.body"] {
        assert!(
            said(&format!("await drawn.draw({target})")).contains("a picture is drawn into a canvas or into { device, texture }"),
            "{target}"
        );
    }
    // Times of the passes, or that there are none.
    let profile = "const times = await drawn.profile().catch((error) => error.message);
         return typeof times === 'string' ? times : times.map(({ label, kernel, ms }) => [label, kernel, ms >= 0]);";
    let profile = browser.run_async(profile);
    match profile.as_array() {
        Some(passes) => {
            assert!(passes.len() > 20 && passes.iter().all(|pass| pass[2] == json!(true)), "{profile}");
            assert!(passes.iter().any(|pass| pass[0] == "b128.conv1" && pass[1] == "modulated_conv2d"), "{profile}");
        }
        None => assert!(profile.as_str().is_some_and(|text| text.starts_with("this GPU has no timestamps")), "{profile}"),
    }
    // An aborted load leaves the network that is there.
    let kept = "const stop = new AbortController(), before = (await drawn.floats({ seed: 5 })).length;
         const onProgress = ({ stage }) => stage === 'gpu' && stop.abort();
         const name = await drawn.load('/fixtures/tiny/ada-skip-32/network.pkl', { signal: stop.signal, onProgress }).catch((error) => error.name);
         return [name, drawn.width, (await drawn.floats({ seed: 5 })).length === before];";
    assert_eq!(browser.run_async(kept), json!(["AbortError", 128, true]));
    // A network that was refused leaves the one that is there; what is saved can be opened again.
    let saved = "const file = await drawn.safetensors(); await drawn.load(file); return [(await drawn.generate({ seed: 3 })).width, file.size > 3e6];";
    assert_eq!(browser.run_async(saved), json!([128, true]));
    assert!(said("drawn.close(); await drawn.generate()").contains("it is closed"));
    browser.post("/url", json!({ "url": format!("http://{}/?network=nope", host.0) }));
    browser.until("document.getElementById('status').textContent.includes('no network \"nope\"')");
}

/// A checkpoint without an average w gets one on the device, the same that the converter computes on a processor.
#[test]
fn a_missing_average_is_computed_on_the_device() {
    let Some((browser, host)) = browser() else { return };
    let config =
        stylegan2::Config { z_dim: 40, w_dim: 40, img_resolution: 8, channel_max: 8, num_layers: 3, ..stylegan2::Config::config_f() };
    let model = random_weights(&Config::StyleGan2(config), 5);
    let file = writer::zip(&writer::dict([("g_ema", layouts::rosinality(&model, ""))]));
    let wanted = stylegan_convert::from_bytes(&file, "network.pt", &mut |_| {}).unwrap().array("mapping.w_avg").to_f32();
    browser.post("/url", json!({ "url": format!("http://{}/style.css", host.0) }));
    let answer = browser.run_async(&format!(
        "const {{ Stylegan }} = await import('/engine/index.js'), stages = new Set();
         const G = await Stylegan.open(new Uint8Array({}), {{ precision: 'f32', onProgress: ({{ stage }}) => stages.add(stage) }});
         const before = await G.floats({{ seed: 3, psi: 0.5 }}), saved = new Uint8Array(await (await G.safetensors({{ half: false }})).arrayBuffer());
         await G.load(saved, {{ precision: 'f32' }});
         const after = await G.floats({{ seed: 3, psi: 0.5 }});
         return [[...stages], ...[saved, before, after].map((values) => Array.from(values))];",
        json!(file)
    ));
    let [stages, saved, before, after] = &answer.as_array().unwrap()[..] else { panic!("four values") };
    assert_eq!(*stages, json!(["convert", "gpu", "average"]));
    let saved = saved.as_array().unwrap().iter().map(|byte| byte.as_u64().unwrap() as u8).collect();
    let got = Model::from_bytes(saved).unwrap().array("mapping.w_avg").to_f32();
    let error = rel_l2(&got, &wanted);
    println!("the average w: rel L2 {error:.2e}");
    assert!(error < 2e-5, "rel L2 {error:.2e}");
    // Pictures are truncated towards it at once, not only when the file is opened again.
    assert_eq!(before, after);
    browser.is_content();
}

/// Bindings far below the 128 MiB of WebGPU's default: what does not fit one is drawn in bands, to the same values.
#[test]
fn small_bindings_are_drawn_in_bands() {
    let Some((browser, host)) = browser() else { return };
    browser.post("/url", json!({ "url": format!("http://{}/style.css", host.0) }));
    let drawn = browser.run_async(
        "const module = await import('/engine/pkg/stylegan_web.js'), { Engine, Network } = module;
         await module.default();
         const bytes = new Uint8Array(await (await fetch('/open-peeps-128.safetensors')).arrayBuffer());
         const limits = Object.getOwnPropertyDescriptor(GPUDevice.prototype, 'limits').get;
         const request = GPUAdapter.prototype.requestDevice;
         let asked;
         const draw = async (binding) => {
           // Nothing above the default is asked for, and the device says that it has less.
           GPUAdapter.prototype.requestDevice = function (descriptor) {
             if (binding) delete descriptor.requiredLimits.maxStorageBufferBindingSize;
             return request.call(this, descriptor);
           };
           Object.defineProperty(GPUDevice.prototype, 'limits', { configurable: true, get() {
             const have = limits.call(this);
             return new Proxy(have, { get: (_, name) => (name === 'maxStorageBufferBindingSize' ? (asked = binding ?? have[name]) : have[name]) });
           } });
           const network = new Network(bytes, 'network', () => {});
           const engine = await Engine.open(network, 'f32', () => {});
           const values = await engine.floats(JSON.stringify({ seed: 27 }));
           engine.free();
           return [asked, Array.from(values)];
         };
         return [await draw(), await draw(1 << 20)];",
    );
    let values = |i: usize| drawn[i][1].as_array().unwrap().len();
    assert!(drawn[0][0].as_u64() >= Some(128 << 20) && drawn[1][0] == json!(1 << 20), "{} {}", drawn[0][0], drawn[1][0]);
    assert_eq!((values(0), values(1)), (3 * 128 * 128, 3 * 128 * 128));
    assert!(drawn[0][1] == drawn[1][1], "bands change the picture");
    browser.is_content();
}
