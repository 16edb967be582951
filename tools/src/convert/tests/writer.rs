//! A small pickle writer: checkpoints of the project's own making, for shapes and formats no fixture has.

/// A value to be pickled.
pub(in crate::convert) enum Py {
    Str(&'static str),
    Name(String),
    Int(i32),
    Float(f64),
    None,
    Bool(bool),
    List(Vec<Py>),
    Tuple(Vec<Py>),
    Dict(Vec<(String, Py)>),
    /// REDUCE of a global on arguments.
    Call(&'static str, &'static str, Vec<Py>),
    /// A NumPy array of f32, row-major.
    Numpy(Vec<usize>, Vec<f32>),
    /// A tensor of f32 in a nested legacy stream.
    Torch(Vec<usize>, Vec<f32>),
    /// NEWOBJ of a global without arguments, and BUILD with a state.
    Object(&'static str, &'static str, Box<Py>),
}

/// A pickle of protocol 3.
pub(in crate::convert) fn pickle(value: &Py) -> Vec<u8> {
    let mut out = b"\x80\x03".to_vec();
    write(value, &mut out);
    out.push(b'.');
    out
}

/// A dict with `str` keys.
pub(in crate::convert) fn dict<const N: usize>(entries: [(&str, Py); N]) -> Py {
    Py::Dict(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn write(value: &Py, out: &mut Vec<u8>) {
    match value {
        Py::Str(text) => string(text, out),
        Py::Name(text) => string(text, out),
        Py::Int(value) => {
            out.push(b'J');
            out.extend(value.to_le_bytes());
        }
        Py::Float(value) => {
            out.push(b'G');
            out.extend(value.to_be_bytes());
        }
        Py::None => out.push(b'N'),
        Py::Bool(value) => out.push(if *value { 0x88 } else { 0x89 }),
        Py::List(items) => {
            out.extend(b"](");
            items.iter().for_each(|item| write(item, out));
            out.push(b'e');
        }
        Py::Tuple(items) => tuple(items, out),
        Py::Dict(entries) => {
            out.extend(b"}(");
            for (key, value) in entries {
                string(key, out);
                write(value, out);
            }
            out.push(b'u');
        }
        Py::Call(module, name, args) => {
            out.extend(format!("c{module}\n{name}\n").as_bytes());
            tuple(args, out);
            out.push(b'R');
        }
        Py::Object(module, name, state) => {
            out.extend(format!("c{module}\n{name}\n").as_bytes());
            out.extend(b")\x81");
            write(state, out);
            out.push(b'b');
        }
        Py::Numpy(shape, values) => {
            out.extend(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR(K\x01");
            sides(shape, out);
            out.extend(
                b"cnumpy\ndtype\n(X\x02\x00\x00\x00f4K\x00K\x01tR(K\x03X\x01\x00\x00\x00<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb\x89",
            );
            bytes(&data(values), out);
            out.extend(b"tb");
        }
        Py::Torch(shape, values) => {
            let mut stream =
                b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.\x80\x02(X\x07\x00\x00\x00storage".to_vec();
            stream.extend(b"ctorch\nFloatStorage\nX\x01\x00\x00\x000X\x03\x00\x00\x00cpuJ");
            stream.extend((values.len() as i32).to_le_bytes());
            stream.extend(b"NtQ.\x80\x02]X\x01\x00\x00\x000a.");
            stream.extend((values.len() as u64).to_le_bytes());
            stream.extend(data(values));
            out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n(ctorch.storage\n_load_from_bytes\n");
            bytes(&stream, out);
            out.extend(b"\x85RK\x00");
            sides(shape, out);
            let mut strides = vec![1; shape.len()];
            for axis in (1..shape.len()).rev() {
                strides[axis - 1] = strides[axis] * shape[axis];
            }
            sides(&strides, out);
            out.extend(b"\x89}tR");
        }
    }
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn tuple(items: &[Py], out: &mut Vec<u8>) {
    out.push(b'(');
    items.iter().for_each(|item| write(item, out));
    out.push(b't');
}

fn sides(shape: &[usize], out: &mut Vec<u8>) {
    tuple(&shape.iter().map(|&side| Py::Int(side as i32)).collect::<Vec<_>>(), out);
}

fn bytes(data: &[u8], out: &mut Vec<u8>) {
    out.push(b'B');
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
}

fn data(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
