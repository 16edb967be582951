//! The Python globals a checkpoint names. Each is a label for data: nothing is looked up, imported or called. What is not here is
//! opaque: a value of which only the name, the arguments and the state are known. Files are full of those beside a good generator
//! (discriminators, losses, configurations); it is an error only where the generator needs one.

use super::dtype::Dtype;

/// What a permitted global stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Global {
    /// A class or function whose instances are inert data.
    Inert,
    /// Anything else.
    Opaque,
    /// A dict: `OrderedDict`, `EasyDict`, ...
    Mapping,
    /// `copyreg._reconstructor(class, base, state)`: how protocols 0 and 1 make an object.
    Reconstructor,
    /// `_codecs.encode(text, 'latin1')`: how protocol 2 writes bytes.
    Encode,
    /// `torch._utils._rebuild_tensor` and `_rebuild_tensor_v2` (storage, offset, size, stride, ...).
    RebuildTensor,
    /// `torch._utils._rebuild_tensor_v3`: the element type is the seventh argument.
    RebuildTensorV3,
    /// `torch._utils._rebuild_parameter` (tensor, requires_grad, hooks): the tensor itself.
    RebuildParameter,
    /// `torch._tensor._rebuild_from_type_v2` (function, type, arguments, state): a tensor with Python attributes.
    RebuildFromType,
    /// `torch._utils._rebuild_device_tensor_from_numpy` and its like (data, dtype, device, requires_grad): of XLA devices and others.
    RebuildDeviceTensor,
    /// `torch.storage._load_from_bytes`: a nested torch stream.
    LoadFromBytes,
    /// `torch.FloatStorage` and its like.
    Storage(Dtype),
    /// `torch.storage.UntypedStorage`: bytes.
    UntypedStorage,
    /// `torch.float32` and its like.
    TorchDtype(Dtype),
    /// A class of torch.nn or torchvision: a whole module was pickled.
    TorchModule,
    /// `numpy.core.multiarray._reconstruct`: an array to be filled by BUILD.
    NumpyReconstruct,
    /// `numpy.core.numeric._frombuffer`: an array of protocol 5.
    NumpyFromBuffer,
    /// `numpy.core.multiarray.scalar`.
    NumpyScalar,
    /// `numpy.dtype`.
    NumpyDtype,
    /// `torch_utils.persistence._reconstruct_persistent_obj`: a module of NVIDIA's PyTorch code.
    PersistentObject,
    /// `dnnlib.tflib.network.Network`, under whatever name dnnlib was copied: a network of NVIDIA's TensorFlow code.
    TfNetwork,
    /// `tfutil.Network`: Progressive GAN, the generation before StyleGAN.
    ProgressiveGan,
}

/// What `module.name` stands for.
pub(crate) fn lookup(module: &str, name: &str) -> Global {
    known(module, name).unwrap_or(Global::Opaque)
}

/// Whether unpickling `module.name` in Python runs what a file says: a sign of an attack, not of a checkpoint.
pub(crate) fn is_code(module: &str, name: &str) -> bool {
    let root = module.split('.').next().unwrap_or(module);
    let dangerous = ["eval", "exec", "compile", "getattr", "setattr", "__import__", "open", "breakpoint", "input"];
    match root {
        "os" | "posix" | "nt" | "subprocess" | "commands" | "pty" | "socket" | "shutil" | "sys" | "runpy" | "importlib" | "webbrowser" => {
            true
        }
        "builtins" | "__builtin__" => dangerous.contains(&name) && name != "getattr",
        "torch" => matches!((module, name), ("torch", "load") | ("torch.hub", _)),
        _ => false,
    }
}

fn known(module: &str, name: &str) -> Option<Global> {
    let found = match (module, name) {
        ("collections", "OrderedDict" | "defaultdict" | "Counter") => Global::Mapping,
        ("builtins" | "__builtin__", "dict") => Global::Mapping,
        ("dnnlib" | "dnnlib.util", "EasyDict") | ("easydict", "EasyDict") => Global::Mapping,
        (
            "builtins" | "__builtin__",
            "set" | "frozenset" | "list" | "tuple" | "int" | "long" | "float" | "bool" | "str" | "unicode" | "bytes" | "bytearray"
            | "complex" | "slice" | "range" | "xrange" | "object",
        ) => Global::Inert,
        ("copyreg" | "copy_reg", "_reconstructor") => Global::Reconstructor,
        ("_codecs", "encode") => Global::Encode,
        ("argparse", "Namespace") | ("types", "SimpleNamespace") | ("collections", "deque") => Global::Inert,
        ("pathlib" | "pathlib._local", "Path" | "PosixPath" | "WindowsPath" | "PurePosixPath" | "PureWindowsPath") => Global::Inert,
        ("datetime", "datetime" | "date" | "timedelta") => Global::Inert,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Global::RebuildTensor,
        ("torch._utils", "_rebuild_tensor_v3") => Global::RebuildTensorV3,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => Global::RebuildParameter,
        ("torch._tensor", "_rebuild_from_type" | "_rebuild_from_type_v2") => Global::RebuildFromType,
        ("torch._utils", "_rebuild_device_tensor_from_numpy" | "_rebuild_device_tensor_from_cpu_tensor" | "_rebuild_xla_tensor") => {
            Global::RebuildDeviceTensor
        }
        ("torch.storage", "_load_from_bytes") => Global::LoadFromBytes,
        ("torch.storage" | "torch", "UntypedStorage" | "_UntypedStorage") => Global::UntypedStorage,
        ("torch" | "torch.cuda", _) if name.ends_with("Storage") => {
            return Dtype::from_name(&name.strip_suffix("Storage")?.to_ascii_lowercase()).map(Global::Storage);
        }
        ("torch", "Size" | "device" | "Tensor" | "Generator" | "strided" | "contiguous_format" | "preserve_format") => Global::Inert,
        ("torch._tensor", "Tensor") | ("torch.nn.parameter", "Parameter" | "Buffer") | ("torch.serialization", "_get_layout") => {
            Global::Inert
        }
        ("torch", _) => return Dtype::from_name(name).map(Global::TorchDtype),
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Global::NumpyReconstruct,
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Global::NumpyScalar,
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Global::NumpyFromBuffer,
        ("numpy", "dtype") => Global::NumpyDtype,
        ("numpy", "ndarray" | "float64" | "float32" | "float16" | "int64" | "int32" | "int16" | "int8" | "uint8" | "bool_") => {
            Global::Inert
        }
        ("numpy.random._pickle", "__randomstate_ctor" | "__generator_ctor" | "__bit_generator_ctor")
        | ("numpy.random", "__RandomState_ctor")
        | ("numpy.random._mt19937", "MT19937") => Global::Inert,
        ("tfutil", "Network") => Global::ProgressiveGan,
        (_, "_reconstruct_persistent_obj") if is(module, "torch_utils.persistence") => Global::PersistentObject,
        (_, "Network") if is(module, "tflib.network") => Global::TfNetwork,
        // Whole modules: a VGG, an encoder. Their classes begin with a capital; torch's functions do not.
        _ if (module.starts_with("torch.nn.modules.") || module.starts_with("torchvision.models.")) && capital(name) => Global::TorchModule,
        // What training frameworks write beside the weights.
        _ if ["pytorch_lightning.", "lightning.", "omegaconf."].iter().any(|root| module.starts_with(root)) && capital(name) => {
            Global::Inert
        }
        ("torch.optim.adam", "Adam") | ("torch.optim.lr_scheduler", _) if capital(name) => Global::Inert,
        _ => return None,
    };
    Some(found)
}

/// `module` is `suffix`, perhaps vendored inside a package.
fn is(module: &str, suffix: &str) -> bool {
    module.strip_suffix(suffix).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}

fn capital(name: &str) -> bool {
    name.starts_with(|first: char| first.is_ascii_uppercase()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_is_not_data() {
        for (module, name) in [
            ("os", "system"),
            ("posix", "system"),
            ("builtins", "eval"),
            ("builtins", "getattr"),
            ("__builtin__", "exec"),
            ("torch", "load"),
            ("torch.hub", "load"),
            ("torch.nn.modules.module", "register_module_forward_hook"),
            ("dnnlib.util", "call_func_by_name"),
            ("eviltorch_utils.persistence", "_reconstruct_persistent_obj"),
            ("numpy.testing._private.utils", "runstring"),
        ] {
            assert_eq!(lookup(module, name), Global::Opaque, "{module}.{name}");
        }
    }

    #[test]
    fn code_is_told_from_configuration() {
        for (module, name) in [("os", "system"), ("posix", "system"), ("builtins", "eval"), ("subprocess", "Popen"), ("torch.hub", "load")]
        {
            assert!(is_code(module, name), "{module}.{name}");
        }
        // Enumerations are pickled with getattr.
        for (module, name) in [("builtins", "getattr"), ("fractions", "Fraction"), ("torch", "Size"), ("osgeo", "Dataset")] {
            assert!(!is_code(module, name), "{module}.{name}");
        }
    }

    #[test]
    fn checkpoints_are() {
        assert_eq!(lookup("torch", "HalfStorage"), Global::Storage(Dtype::F16));
        assert_eq!(lookup("torch", "bfloat16"), Global::TorchDtype(Dtype::Bf16));
        assert_eq!(lookup("stylegan2.dnnlib.tflib.network", "Network"), Global::TfNetwork);
        assert_eq!(lookup("torchvision.models.vgg", "VGG"), Global::TorchModule);
        assert_eq!(lookup("argparse", "Namespace"), Global::Inert);
        assert_eq!(lookup("pytorch_lightning.callbacks.model_checkpoint", "ModelCheckpoint"), Global::Inert);
    }
}
