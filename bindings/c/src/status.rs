//! What a call says of itself: a code, and a message that the thread keeps.

use std::cell::RefCell;
use std::ffi::{CStr, CString, c_char};

use stylegan_convert::ConvertError;
use stylegan_wgpu::Error;

/// What became of a call. Everything but `STYLEGAN_STATUS_OK` leaves a message, see `stylegan_last_error`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StyleganStatus {
    /// It did what it says.
    Ok = 0,
    /// An argument is null, out of range, or does not fit the network.
    Argument = 1,
    /// A buffer of the caller's has another size than what goes into it.
    Size = 2,
    /// A file cannot be read, is damaged, or is no network that is known.
    File = 3,
    /// There is no such device, or its driver refuses.
    Device = 4,
    /// The device was lost. Free what was made on it and open it again.
    Lost = 5,
    /// The device has no memory left.
    Memory = 6,
    /// The device cannot do it: a limit, or 16-bit floats.
    Unsupported = 7,
    /// The picture is not finite: the weights are broken, or the rows of w out of all proportion.
    NotFinite = 8,
    /// A bug in this library. What was called may be freed and no more.
    Panic = 9,
}

/// Why a call failed.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) status: StyleganStatus,
    pub(crate) message: String,
}

impl Failure {
    pub(crate) fn argument(message: impl Into<String>) -> Failure {
        Failure { status: StyleganStatus::Argument, message: message.into() }
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Failure {
        let status = match &error {
            Error::Io { .. } | Error::InFile { .. } | Error::Format(_) | Error::Config(_) | Error::Tensor { .. } => StyleganStatus::File,
            Error::Lost(_) => StyleganStatus::Lost,
            Error::OutOfMemory(_) => StyleganStatus::Memory,
            Error::Unsupported { .. } | Error::HalfUnsupported { .. } | Error::Limit { .. } => StyleganStatus::Unsupported,
            Error::NotFinite { .. } => StyleganStatus::NotFinite,
            Error::Argument(_) => StyleganStatus::Argument,
            // Those of tomorrow, too: whatever they are, the device did not do it.
            _ => StyleganStatus::Device,
        };
        Failure { status, message: error.to_string() }
    }
}

impl From<ConvertError> for Failure {
    fn from(error: ConvertError) -> Failure {
        Failure { status: StyleganStatus::File, message: error.to_string() }
    }
}

thread_local! {
    static MESSAGE: RefCell<CString> = RefCell::default();
}

/// Keeps the message for `stylegan_last_error`.
pub(crate) fn keep(message: String) {
    let mut bytes = message.into_bytes();
    bytes.retain(|byte| *byte != 0);
    let message = CString::new(bytes).unwrap_or_default();
    // A thread that is ending has nobody left to tell.
    let _ = MESSAGE.try_with(|kept| kept.replace(message));
}

/// Says in one line of UTF-8 why the last call on this thread that failed did. Never null. It belongs to the library and is valid until
/// the next call on this thread that fails, or until the thread ends.
#[unsafe(no_mangle)]
pub extern "C" fn stylegan_last_error() -> *const c_char {
    const NONE: &CStr = c"";
    MESSAGE.try_with(|kept| kept.borrow().as_ptr()).unwrap_or(NONE.as_ptr())
}

/// The version of the library, as "0.1.0". Before 1.0, a program is compiled with the header of the library it uses: the second number
/// changes when a struct or a function does.
#[unsafe(no_mangle)]
pub extern "C" fn stylegan_version() -> *const c_char {
    const VERSION: &CStr = match CStr::from_bytes_with_nul(concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes()) {
        Ok(version) => version,
        Err(_) => c"",
    };
    VERSION.as_ptr()
}
