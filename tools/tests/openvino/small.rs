//! A MobileStyleGAN of 16x16 pixels as OpenVINO IR, written operation by operation: w 6, channels 8 and 4, one block.

use std::fmt::Write;

use stylegan_convert::openvino::Ir;

/// Channels at 4 and at 8.
pub(crate) const CHANNELS: [usize; 2] = [8, 4];
/// Length of z and of w.
pub(crate) const W_DIM: usize = 6;

/// Builds the XML and the .bin side by side.
#[derive(Default)]
pub(crate) struct Builder {
    layers: String,
    edges: String,
    bin: Vec<u8>,
    count: usize,
    drawn: u32,
}

/// A layer and the id of its output port.
#[derive(Clone, Copy)]
pub(crate) struct Port(usize, usize);

impl Builder {
    /// An operation with the given inputs; the outputs' port ids follow the inputs'.
    fn layer(&mut self, kind: &str, data: &str, inputs: &[Port], outputs: usize) -> Port {
        let id = self.count;
        self.count += 1;
        write!(self.layers, "<layer id=\"{id}\" name=\"{kind}_{id}\" type=\"{kind}\" version=\"opset1\"><data {data}/><input>").unwrap();
        for (port, Port(from, from_port)) in inputs.iter().enumerate() {
            write!(self.layers, "<port id=\"{port}\"/>").unwrap();
            let to = format!("to-layer=\"{id}\" to-port=\"{port}\"");
            writeln!(self.edges, "<edge from-layer=\"{from}\" from-port=\"{from_port}\" {to}/>").unwrap();
        }
        write!(self.layers, "</input><output>").unwrap();
        (0..outputs).for_each(|output| write!(self.layers, "<port id=\"{}\"/>", inputs.len() + output).unwrap());
        writeln!(self.layers, "</output></layer>").unwrap();
        Port(id, inputs.len())
    }

    fn op(&mut self, kind: &str, inputs: &[Port]) -> Port {
        self.layer(kind, "auto_broadcast=\"numpy\"", inputs, 1)
    }

    fn constant(&mut self, shape: &str, values: &[f32]) -> Port {
        let data = format!("element_type=\"f32\" shape=\"{shape}\" offset=\"{}\" size=\"{}\"", self.bin.len(), values.len() * 4);
        self.bin.extend(values.iter().flat_map(|value| value.to_le_bytes()));
        self.layer("Const", &data, &[], 1)
    }

    /// A constant of values in -1..1.
    fn random(&mut self, shape: &[usize]) -> Port {
        let values: Vec<f32> = (0..shape.iter().product())
            .map(|_| {
                self.drawn = self.drawn.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                self.drawn as f32 / 2_147_483_648.0 - 1.0
            })
            .collect();
        self.constant(&shape.iter().map(usize::to_string).collect::<Vec<_>>().join(", "), &values)
    }

    fn matmul(&mut self, x: Port, outputs: usize, inputs: usize) -> Port {
        let weight = self.random(&[outputs, inputs]);
        self.layer("MatMul", "transpose_a=\"false\" transpose_b=\"true\"", &[x, weight], 1)
    }

    fn prelu(&mut self, x: Port) -> Port {
        let slope = self.constant("1", &[0.2]);
        self.layer("PReLU", "", &[x, slope], 1)
    }

    fn modulate(&mut self, w: Port, x: Port, channels: usize, scale: Option<f32>) -> Port {
        let product = self.matmul(w, channels, W_DIM);
        let bias = self.random(&[1, channels]);
        let sum = self.op("Add", &[product, bias]);
        let mut style = self.op("Reshape", &[sum]);
        if let Some(scale) = scale {
            let scale = self.constant("1, 1, 1, 1", &[scale]);
            style = self.op("Multiply", &[style, scale]);
        }
        self.op("Multiply", &[style, x])
    }

    fn convolve(&mut self, kind: &str, x: Port, shape: &[usize]) -> Port {
        let pad = shape[shape.len() - 1] / 2;
        let weight = self.random(shape);
        let data = format!("strides=\"1, 1\" dilations=\"1, 1\" pads_begin=\"{pad}, {pad}\" pads_end=\"{pad}, {pad}\"");
        self.layer(kind, &data, &[x, weight], 1)
    }

    fn finish(&mut self, x: Port, channels: usize, side: usize) -> Port {
        let noise = self.random(&[1, 1, side, side]);
        let sum = self.op("Add", &[x, noise]);
        let bias = self.random(&[1, channels, 1, 1]);
        let sum = self.op("Add", &[sum, bias]);
        self.prelu(sum)
    }

    fn haar(&mut self, x: Port, channels: usize, rows: bool, sign: f32) -> Port {
        let half = std::f32::consts::FRAC_1_SQRT_2;
        let (shape, strides) = if rows { ("1, 1, 2, 1", "2, 1") } else { ("1, 1, 1, 2", "1, 2") };
        let kernel = self.constant(&format!("{channels}, {shape}"), &[half, sign * half].repeat(channels));
        let data = format!("strides=\"{strides}\" dilations=\"1, 1\" pads_begin=\"0, 0\" pads_end=\"0, 0\"");
        self.layer("GroupConvolutionBackpropData", &data, &[x, kernel], 1)
    }

    /// `order` names which of the three details goes where; 0, 1, 2 is the genuine one.
    fn wavelet(&mut self, x: Port, channels: usize, order: [usize; 3]) -> Port {
        let split = self.layer("VariadicSplit", "", &[x], 2);
        let triples = self.op("Reshape", &[Port(split.0, split.1 + 1)]);
        let triples = self.layer("VariadicSplit", "", &[triples], 3);
        let details = order.map(|k| self.op("Squeeze", &[Port(triples.0, triples.1 + k)]));
        let pairs = [(split, details[0], 1.0), (details[1], details[2], -1.0)];
        let halves = pairs.map(|(low, high, sign)| {
            let (low, high) = (self.haar(low, channels, true, 1.0), self.haar(high, channels, true, -1.0));
            let sum = self.op("Add", &[low, high]);
            self.haar(sum, channels, false, sign)
        });
        self.op("Add", &halves)
    }

    fn build(mut self, result: Port) -> Ir {
        self.layer("Result", "", &[result], 0);
        let xml = format!(
            "<?xml version=\"1.0\"?>\n<net name=\"small\" version=\"10\">\n<layers>\n{}</layers>\n<edges>\n{}</edges>\n</net>\n",
            self.layers, self.edges
        );
        Ir { xml: xml.into_bytes(), bin: self.bin }
    }
}

/// z to w, two layers.
pub(crate) fn mapping() -> Ir {
    let mut b = Builder::default();
    let z = b.layer("Parameter", "", &[], 1);
    let norm = b.op("Power", &[z]);
    let mut x = b.op("Multiply", &[z, norm]);
    for _ in 0..2 {
        let product = b.matmul(x, W_DIM, W_DIM);
        let bias = b.random(&[W_DIM]);
        let bias = b.op("Reshape", &[bias]);
        let sum = b.op("Add", &[product, bias]);
        let activated = b.prelu(sum);
        let gain = b.constant("1, 1", &[std::f32::consts::SQRT_2]);
        x = b.op("Multiply", &[activated, gain]);
    }
    b.build(x)
}

/// w to an image of 16x16; see [`Builder::wavelet`] for `order`.
pub(crate) fn synthesis(order: [usize; 3]) -> Ir {
    let [first, last] = CHANNELS;
    let mut b = Builder::default();
    let w = b.layer("Parameter", "", &[], 1);
    let constant = b.random(&[1, first, 4, 4]);
    let x = b.op("Tile", &[constant]);
    let x = b.modulate(w, x, first, Some(0.5));
    let x = b.convolve("Convolution", x, &[first, first, 3, 3]);
    let x = b.finish(x, first, 4);
    let x = b.modulate(w, x, first, None);
    let mut x = b.wavelet(x, first / 4, order);
    for inputs in [first / 4, last] {
        x = b.modulate(w, x, inputs, Some(0.25));
        x = b.convolve("GroupConvolution", x, &[inputs, 1, 1, 3, 3]);
        x = b.convolve("Convolution", x, &[last, inputs, 1, 1]);
        x = b.finish(x, last, 8);
    }
    let x = b.modulate(w, x, last, Some(0.125));
    let x = b.convolve("Convolution", x, &[12, last, 1, 1]);
    let bias = b.random(&[1, 12, 1, 1]);
    let x = b.op("Add", &[x, bias]);
    let x = b.wavelet(x, 3, order);
    b.build(x)
}
