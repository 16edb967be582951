//! A small pickle writer: checkpoints of the project's own making, for shapes and formats no fixture has.

use std::io::Write;

/// A value to be pickled.
pub enum Py {
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
    /// A NumPy scalar: the module it is found in (NumPy 1 and 2 differ), its type, its bytes.
    Scalar(&'static str, &'static str, Vec<u8>),
    /// A tensor of f32.
    Torch(Vec<usize>, Vec<f32>),
    /// A dict with keys of any kind.
    Keyed(Vec<(Py, Py)>),
    /// An instance of a class that is a dict: REDUCE without arguments, then its entries.
    Mapping(&'static str, &'static str, Vec<(String, Py)>),
    /// NEWOBJ of a global without arguments, and BUILD with a state.
    Object(&'static str, &'static str, Box<Py>),
}

/// Where the values of tensors go.
enum Storages {
    /// Each into a legacy stream of its own inside the pickle, as NVIDIA's persistence does.
    Nested,
    /// Beside the pickle, which names them by persistent ids, as torch.save does.
    Beside(Vec<Vec<u8>>),
}

/// A pickle of protocol 3.
pub fn pickle(value: &Py) -> Vec<u8> {
    object(value, &mut Storages::Nested)
}

/// What torch.save wrote before version 1.6: a stream of pickles, then the storages.
pub fn legacy(value: &Py) -> Vec<u8> {
    let mut storages = Storages::Beside(Vec::new());
    let object = object(value, &mut storages);
    let Storages::Beside(storages) = storages else { unreachable!() };
    let keys = Py::List((0..storages.len()).map(|key| Py::Name(key.to_string())).collect());
    let mut out = [LEGACY_HEAD, &object, &pickle(&keys)].concat();
    for storage in storages {
        out.extend((storage.len() as u64 / 4).to_le_bytes());
        out.extend(storage);
    }
    out
}

/// What torch.save has written since: an archive of the pickle and the storages, uncompressed.
pub fn zip(value: &Py) -> Vec<u8> {
    let mut storages = Storages::Beside(Vec::new());
    let mut members = vec![("archive/data.pkl".to_owned(), object(value, &mut storages))];
    let Storages::Beside(storages) = storages else { unreachable!() };
    members.extend(storages.into_iter().enumerate().map(|(key, storage)| (format!("archive/data/{key}"), storage)));
    members.push(("archive/version".to_owned(), b"3\n".to_vec()));
    archive(&members)
}

/// An uncompressed zip archive.
pub fn archive(members: &[(String, Vec<u8>)]) -> Vec<u8> {
    let mut writer = ::zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options = ::zip::write::SimpleFileOptions::default().compression_method(::zip::CompressionMethod::Stored);
    for (name, content) in members {
        writer.start_file(name.as_str(), options).unwrap();
        writer.write_all(content).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn object(value: &Py, storages: &mut Storages) -> Vec<u8> {
    let mut out = b"\x80\x03".to_vec();
    write(value, &mut out, storages);
    out.push(b'.');
    out
}

/// The magic number, the protocol and an empty description of the system.
pub const LEGACY_HEAD: &[u8] = b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.\x80\x02M\xe9\x03.\x80\x02}.";

/// A dict with `str` keys.
pub fn dict<const N: usize>(entries: [(&str, Py); N]) -> Py {
    Py::Dict(entries.into_iter().map(|(key, value)| (key.to_owned(), value)).collect())
}

fn write(value: &Py, out: &mut Vec<u8>, storages: &mut Storages) {
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
            items.iter().for_each(|item| write(item, out, storages));
            out.push(b'e');
        }
        Py::Tuple(items) => tuple(items, out, storages),
        Py::Dict(entries) => {
            out.extend(b"}(");
            for (key, value) in entries {
                string(key, out);
                write(value, out, storages);
            }
            out.push(b'u');
        }
        Py::Keyed(entries) => {
            out.extend(b"}(");
            for (key, value) in entries {
                write(key, out, storages);
                write(value, out, storages);
            }
            out.push(b'u');
        }
        Py::Mapping(module, name, entries) => {
            out.extend(format!("c{module}\n{name}\n)R(").as_bytes());
            for (key, value) in entries {
                string(key, out);
                write(value, out, storages);
            }
            out.push(b'u');
        }
        Py::Call(module, name, args) => {
            out.extend(format!("c{module}\n{name}\n").as_bytes());
            tuple(args, out, storages);
            out.push(b'R');
        }
        Py::Object(module, name, state) => {
            out.extend(format!("c{module}\n{name}\n").as_bytes());
            out.extend(b")\x81");
            write(state, out, storages);
            out.push(b'b');
        }
        Py::Numpy(shape, values) => {
            out.extend(b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\nK\x00\x85C\x01btR(K\x01");
            sides(shape, out);
            dtype("f4", out);
            out.push(0x89);
            bytes(&data(values), out);
            out.extend(b"tb");
        }
        Py::Scalar(module, kind, value) => {
            out.extend(format!("c{module}\nscalar\n(").as_bytes());
            dtype(kind, out);
            bytes(value, out);
            out.extend(b"tR");
        }
        Py::Torch(shape, values) => {
            out.extend(b"ctorch._utils\n_rebuild_tensor_v2\n(");
            match storages {
                Storages::Nested => {
                    let mut stream = LEGACY_HEAD.to_vec();
                    stream.extend(b"\x80\x02");
                    reference(0, values.len(), &mut stream);
                    stream.extend(b".\x80\x02]X\x01\x00\x00\x000a.");
                    stream.extend((values.len() as u64).to_le_bytes());
                    stream.extend(data(values));
                    out.extend(b"ctorch.storage\n_load_from_bytes\n");
                    bytes(&stream, out);
                    out.extend(b"\x85R");
                }
                Storages::Beside(storages) => {
                    reference(storages.len(), values.len(), out);
                    storages.push(data(values));
                }
            }
            out.extend(b"K\x00");
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

/// The persistent id of a storage.
fn reference(key: usize, numel: usize, out: &mut Vec<u8>) {
    out.extend(b"(X\x07\x00\x00\x00storagectorch\nFloatStorage\n");
    string(&key.to_string(), out);
    out.extend(b"X\x03\x00\x00\x00cpuJ");
    out.extend((numel as i32).to_le_bytes());
    out.extend(b"NtQ");
}

/// numpy.dtype(kind, False, True) and its state, as every array and scalar carries it.
fn dtype(kind: &str, out: &mut Vec<u8>) {
    out.extend(b"cnumpy\ndtype\n(");
    string(kind, out);
    out.extend(b"K\x00K\x01tR(K\x03");
    string(if kind.ends_with('1') { "|" } else { "<" }, out);
    out.extend(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb");
}

fn string(text: &str, out: &mut Vec<u8>) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.as_bytes());
}

fn tuple(items: &[Py], out: &mut Vec<u8>, storages: &mut Storages) {
    out.push(b'(');
    items.iter().for_each(|item| write(item, out, storages));
    out.push(b't');
}

fn sides(shape: &[usize], out: &mut Vec<u8>) {
    tuple(&shape.iter().map(|&side| Py::Int(side as i32)).collect::<Vec<_>>(), out, &mut Storages::Nested);
}

fn bytes(data: &[u8], out: &mut Vec<u8>) {
    out.push(b'B');
    out.extend((data.len() as u32).to_le_bytes());
    out.extend(data);
}

fn data(values: &[f32]) -> Vec<u8> {
    values.iter().flat_map(|value| value.to_le_bytes()).collect()
}
