//! A pickle out of any bytes, a byte or two for each opcode: the stack machine is fed well, whatever they are.

/// Modules and names that converters look for, and some that they do not know.
const GLOBALS: [&str; 12] = [
    "torch._utils\n_rebuild_tensor_v2",
    "torch._utils\n_rebuild_parameter",
    "torch\nFloatStorage",
    "collections\nOrderedDict",
    "numpy.core.multiarray\n_reconstruct",
    "numpy.core.multiarray\nscalar",
    "numpy\nndarray",
    "numpy\ndtype",
    "torch_utils.persistence\n_reconstruct_persistent_obj",
    "dnnlib.tflib.network\nNetwork",
    "argparse\nNamespace",
    "os\nsystem",
];

/// Keys of checkpoints.
const KEYS: [&str; 20] = [
    "G_ema", "g_ema", "G", "D", "state_dict", "generator_smooth", "class_name", "init_kwargs", "z_dim", "w_dim", "img_resolution",
    "synthesis.b4.const", "mapping.fc0.weight", "style.1.weight", "latent_avg", "storage", "cpu", "variables", "static_kwargs", "<f4",
];

pub fn pickle(bytes: &[u8]) -> Vec<u8> {
    let mut out = vec![0x80, 2];
    let mut bytes = bytes.iter().copied();
    let mut memo = 0u8;
    while let Some(byte) = bytes.next() {
        let mut next = || bytes.next().unwrap_or(0);
        match byte % 26 {
            0 => out.extend([b'(']),
            1 => out.push(b')'),
            2 => out.push(b'}'),
            3 => out.push(b']'),
            4 => out.push(b't'),
            5 => out.push(b'u'),
            6 => out.push(b's'),
            7 => out.push(b'a'),
            8 => out.push(b'e'),
            9 => out.push(b'R'),
            10 => out.push(b'b'),
            11 => out.push(b'Q'),
            12 => out.push(b'N'),
            13 => out.push(0x88),
            14 => out.extend([b'K', next()]),
            15 => out.extend([b'M', next(), next()]),
            16 => {
                let text = KEYS[usize::from(next()) % KEYS.len()];
                out.push(b'X');
                out.extend((text.len() as u32).to_le_bytes());
                out.extend(text.as_bytes());
            }
            17 => {
                out.push(b'c');
                out.extend(GLOBALS[usize::from(next()) % GLOBALS.len()].as_bytes());
                out.push(b'\n');
            }
            18 => {
                out.extend([b'q', memo]);
                memo = memo.wrapping_add(1);
            }
            19 => out.extend([b'h', next() % memo.max(1)]),
            20 => {
                let length = next();
                out.extend([b'U', length]);
                out.extend((0..length).map(|_| next()));
            }
            21 => {
                out.push(b'G');
                out.extend((f64::from(next()) - 128.0).to_be_bytes());
            }
            22 => out.push(0x85 + next() % 3),
            23 => out.push([b'0', b'2', b'1', 0x81][usize::from(next()) % 4]),
            24 => out.extend([0x8a, 4, next(), next(), next(), next()]),
            _ => out.extend([b'J', next(), next(), next(), next()]),
        }
    }
    out.push(b'.');
    out
}
