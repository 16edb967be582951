//! Devices.

use std::ffi::{CString, c_char};

use stylegan_wgpu::{Gpu, blocking};

use crate::boundary::{call, free, give, text};
use crate::status::StyleganStatus;

/// A GPU, or a software adapter. Networks of any number of generators are on it.
pub struct StyleganDevice {
    pub(crate) gpu: Gpu,
    name: CString,
}

impl StyleganDevice {
    pub(crate) fn of(gpu: Gpu) -> StyleganDevice {
        let name = CString::new(gpu.name().replace('\0', "")).unwrap_or_default();
        StyleganDevice { gpu, name }
    }
}

/// Opens a device: by a part of its name or its number, as `stylegan devices` lists them, or the most powerful one for null.
///
/// # Safety
/// `name` is null or ends with a zero; `device` can be written to. It is set to null when the call fails.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_device_open(name: *const c_char, device: *mut *mut StyleganDevice) -> StyleganStatus {
    call(|| {
        // SAFETY: the caller's promises.
        unsafe {
            let name = text(name, "name")?;
            give(device, || Ok(StyleganDevice::of(blocking::open(name)?)))
        }
    })
}

/// The name of a device, UTF-8. It belongs to the device. Null for null.
///
/// # Safety
/// `device` is null or a device that is not freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_device_name(device: *const StyleganDevice) -> *const c_char {
    // SAFETY: the caller's promise.
    unsafe { device.as_ref() }.map_or(std::ptr::null(), |device| device.name.as_ptr())
}

/// Frees a device. What was made on it keeps what it needs of it, so the order does not matter. Null is nothing.
///
/// # Safety
/// `device` is null or a device that is not freed, and no other call uses it.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn stylegan_device_free(device: *mut StyleganDevice) {
    // SAFETY: the caller's promise.
    unsafe { free(device) }
}
