//! What a conversion is given beside its file.

use crate::Progress;

/// Whom a conversion tells how far it is, and what becomes of an average w that the file does not have.
pub(crate) struct Course<'a> {
    tell: &'a mut Progress<'a>,
    /// Begin and length of the part of the whole that is done now.
    part: [f32; 2],
    average: Average,
}

/// What becomes of a missing average w.
#[derive(Clone, Copy, PartialEq)]
enum Average {
    Computed,
    /// Zeros are in its place.
    PutOff {
        was_missing: bool,
    },
}

impl<'a> Course<'a> {
    /// Of a conversion that computes a missing average.
    pub(crate) fn new(tell: &'a mut Progress<'a>) -> Course<'a> {
        Course { tell, part: [0.0, 1.0], average: Average::Computed }
    }

    /// Of one that leaves that to its caller.
    pub(crate) fn unaveraged(tell: &'a mut Progress<'a>) -> Course<'a> {
        Course { average: Average::PutOff { was_missing: false }, ..Course::new(tell) }
    }

    /// Tells how much is done: of the whole, or of its part within [`Course::part`].
    pub(crate) fn tell(&mut self, fraction: f32) {
        let [begin, length] = self.part;
        (self.tell)(begin + length * fraction);
    }

    /// Does a part of the work, from `begin` to `end` of it.
    pub(crate) fn part<T>(&mut self, begin: f32, end: f32, work: impl FnOnce(&mut Course<'a>) -> T) -> T {
        let [from, length] = self.part;
        self.part = [from + length * begin, length * (end - begin)];
        let done = work(self);
        self.part = [from, length];
        done
    }

    /// Whether a missing average is put off; that there was one is remembered.
    pub(crate) fn puts_off(&mut self) -> bool {
        let put_off = self.average != Average::Computed;
        if put_off {
            self.average = Average::PutOff { was_missing: true };
        }
        put_off
    }

    /// Whether an average was put off.
    pub(crate) fn has_put_off(&self) -> bool {
        self.average == Average::PutOff { was_missing: true }
    }
}
