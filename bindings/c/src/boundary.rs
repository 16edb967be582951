//! The border: what comes over it is checked, and nothing unwinds across it.

use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::slice;

use crate::status::{Failure, StyleganStatus, keep};

/// Does what a function is for, and makes a status of whatever comes of it.
pub(crate) fn call(work: impl FnOnce() -> Result<(), Failure>) -> StyleganStatus {
    // What a panic leaves behind is behind a lock that says so, or is freed and no more, as the header says.
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(Ok(())) => StyleganStatus::Ok,
        Ok(Err(Failure { status, message })) => {
            keep(message);
            status
        }
        Err(_) => {
            keep("a bug in the library: it panicked, and its words are on the standard error".into());
            StyleganStatus::Panic
        }
    }
}

/// Frees a handle; null is none.
///
/// # Safety
/// The handle is null, or comes from [`give`] and was not freed before.
pub(crate) unsafe fn free<T>(handle: *mut T) {
    if handle.is_null() {
        return;
    }
    // SAFETY: `give` made it of a box, and the caller's promise is that this is the only time.
    let handle = unsafe { Box::from_raw(handle) };
    // A destructor that panics has nobody to tell.
    let _ = catch_unwind(AssertUnwindSafe(|| drop(handle)));
}

/// Gives a handle to the caller.
///
/// # Safety
/// `to` is null or can be written to.
pub(crate) unsafe fn give<T>(to: *mut *mut T, value: impl FnOnce() -> Result<T, Failure>) -> Result<(), Failure> {
    if to.is_null() {
        return Err(Failure::argument("there is no place for the handle: a null pointer"));
    }
    // SAFETY: not null, and the caller's promise. Written first, so that a caller who does not look at the status has null and not
    // whatever was there.
    unsafe { to.write(std::ptr::null_mut()) };
    let value = Box::into_raw(Box::new(value()?));
    // SAFETY: as before.
    unsafe { to.write(value) };
    Ok(())
}

/// What a pointer points at.
///
/// # Safety
/// It is null, or points at a `T` that nobody writes to for `'a`.
pub(crate) unsafe fn borrow<'a, T>(pointer: *const T, what: &str) -> Result<&'a T, Failure> {
    // SAFETY: the caller's promise.
    unsafe { pointer.as_ref() }.ok_or_else(|| Failure::argument(format!("{what} is a null pointer")))
}

/// `count` values of the caller's. None may be behind a null pointer.
///
/// # Safety
/// The pointer is null, or there are so many values behind it that nobody writes to for `'a`.
pub(crate) unsafe fn values<'a, T>(pointer: *const T, count: usize, what: &str) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    check::<T>(pointer, count, what)?;
    // SAFETY: not null, aligned, not longer than memory can be, and the caller's promise.
    Ok(unsafe { slice::from_raw_parts(pointer, count) })
}

/// Room in the caller's memory. It is only written to, so it need not be initialised.
pub(crate) struct Room<T> {
    next: *mut T,
    left: usize,
}

impl<T: Copy> Room<T> {
    /// Room for `count` values, which has to be what is needed.
    ///
    /// # Safety
    /// The pointer is null, or there is room for so many values behind it that nobody else uses while this lives.
    pub(crate) unsafe fn new(pointer: *mut T, count: usize, needed: usize, what: &str) -> Result<Room<T>, Failure> {
        if count != needed {
            return Err(Failure { status: StyleganStatus::Size, message: format!("{what} has a size of {count}; needed are {needed}") });
        }
        check::<T>(pointer, count, what)?;
        Ok(Room { next: pointer, left: count })
    }

    /// Writes what comes next.
    pub(crate) fn put(&mut self, values: &[T]) -> Result<(), Failure> {
        if values.len() > self.left {
            return Err(Failure { status: StyleganStatus::Size, message: "there is more to write than there was to be".into() });
        }
        // SAFETY: there is room for `left` values from `next` on, by the promise to `new`; that is no shorter than `values`, which are
        // ours and lie elsewhere.
        unsafe {
            self.next.copy_from_nonoverlapping(values.as_ptr(), values.len());
            self.next = self.next.add(values.len());
        }
        self.left -= values.len();
        Ok(())
    }
}

fn check<T>(pointer: *const T, count: usize, what: &str) -> Result<(), Failure> {
    if pointer.is_null() {
        return Err(Failure::argument(format!("{what} is a null pointer")));
    }
    if !pointer.is_aligned() {
        return Err(Failure::argument(format!("{what} is not aligned to {} bytes", align_of::<T>())));
    }
    match count.checked_mul(size_of::<T>()).is_some_and(|bytes| isize::try_from(bytes).is_ok()) {
        true => Ok(()),
        false => Err(Failure::argument(format!("{what} is longer than memory can be"))),
    }
}

/// A text of the caller's.
///
/// # Safety
/// The pointer is null, or a text behind it ends with a zero and nobody writes to it for `'a`.
pub(crate) unsafe fn text<'a>(pointer: *const c_char, what: &str) -> Result<Option<&'a str>, Failure> {
    if pointer.is_null() {
        return Ok(None);
    }
    // SAFETY: not null, and the caller's promise.
    let text = unsafe { CStr::from_ptr(pointer) };
    text.to_str().map(Some).map_err(|_| Failure::argument(format!("{what} is not UTF-8")))
}

#[cfg(test)]
mod tests {
    use std::ffi::CStr;

    use super::*;
    use crate::stylegan_last_error;

    fn message() -> String {
        // SAFETY: never null, ends with a zero, and no call comes between.
        unsafe { CStr::from_ptr(stylegan_last_error()) }.to_str().unwrap().to_owned()
    }

    /// Panics when it is dropped.
    struct Trap;

    impl Drop for Trap {
        fn drop(&mut self) {
            panic!("as asked");
        }
    }

    #[test]
    fn nothing_unwinds_over_the_border() {
        assert_eq!(call(|| panic!("as asked")), StyleganStatus::Panic);
        assert!(message().contains("panicked"));
        let mut handle = std::ptr::null_mut();
        // SAFETY: the handle can be written to, and is freed once.
        unsafe {
            give(&mut handle, || Ok(Trap)).unwrap();
            free(handle);
            free(std::ptr::null_mut::<Trap>());
        }
    }

    #[test]
    fn messages_belong_to_their_thread() {
        assert_eq!(call(|| Err(Failure::argument("here\0!"))), StyleganStatus::Argument);
        std::thread::spawn(|| {
            assert_eq!(message(), "");
            call(|| Err(Failure::argument("there")));
            assert_eq!(message(), "there");
        })
        .join()
        .unwrap();
        assert_eq!((message().as_str(), call(|| Ok(()))), ("here!", StyleganStatus::Ok));
        assert_eq!(message(), "here!", "a success has nothing to say");
    }

    #[test]
    fn rooms_have_exactly_the_size_that_is_needed_and_are_not_left() {
        let mut memory = [7.0f32; 4];
        // SAFETY: there are three floats, and the fourth is nobody's.
        unsafe {
            assert_eq!(Room::new(memory.as_mut_ptr(), 3, 4, "ws").err().unwrap().status, StyleganStatus::Size);
            assert_eq!(Room::<f32>::new(std::ptr::null_mut(), 3, 3, "ws").err().unwrap().status, StyleganStatus::Argument);
            let odd = memory.as_mut_ptr().byte_add(1);
            assert!(Room::new(odd, 3, 3, "ws").err().unwrap().message.contains("aligned"));
            let mut room = Room::new(memory.as_mut_ptr(), 3, 3, "ws").unwrap();
            room.put(&[1.0, 2.0]).unwrap();
            assert!(room.put(&[3.0, 4.0]).is_err());
            room.put(&[3.0]).unwrap();
        }
        assert_eq!(memory, [1.0, 2.0, 3.0, 7.0]);
    }
}
