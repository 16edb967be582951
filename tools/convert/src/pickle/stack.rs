//! The stack of values and marks, and what it costs.

use super::{EMPTY_TUPLE, Machine, damaged};
use crate::budget::Budget;
use crate::error::Result;
use crate::value::{Id, Value};

impl Machine<'_> {
    pub(super) fn fence(&self) -> usize {
        self.marks.last().copied().unwrap_or(0)
    }

    pub(super) fn pop(&mut self) -> Result<Id> {
        if self.stack.len() <= self.fence() {
            return Err(damaged("an opcode that finds the stack empty"));
        }
        self.stack.pop().ok_or_else(|| damaged("an opcode that finds the stack empty"))
    }

    pub(super) fn top(&self) -> Result<Id> {
        match self.stack.len() > self.fence() {
            true => Ok(self.stack[self.stack.len() - 1]),
            false => Err(damaged("an opcode that finds the stack empty")),
        }
    }

    pub(super) fn top_mut(&mut self) -> Result<&mut Value> {
        let top = self.top()?;
        // The shared constants are immutable in Python too.
        if top <= EMPTY_TUPLE {
            return Err(damaged("an opcode that changes a constant"));
        }
        Ok(&mut self.values[top as usize])
    }

    /// How many values lie above the last mark, which is removed.
    pub(super) fn pop_mark(&mut self) -> Result<usize> {
        let mark = self.marks.pop().ok_or_else(|| damaged("an opcode that finds no mark"))?;
        Ok(self.stack.len() - mark)
    }

    pub(super) fn pop_items(&mut self) -> Result<Vec<Id>> {
        let count = self.pop_mark()?;
        self.budget.memory(count * size_of::<Id>())?;
        Ok(self.stack.split_off(self.stack.len() - count))
    }

    pub(super) fn push_id(&mut self, id: Id) -> Result<()> {
        charge_push(&self.budget, &mut self.stack)?;
        self.stack.push(id);
        Ok(())
    }

    pub(super) fn push(&mut self, value: Value) -> Result<()> {
        charge_push(&self.budget, &mut self.values)?;
        let id = Id::try_from(self.values.len()).map_err(|_| damaged("more values than have numbers"))?;
        self.values.push(value);
        self.push_id(id)
    }
}

/// Charges what one more element costs: nothing, or the doubling of the vector.
pub(super) fn charge_push<T>(budget: &Budget, vec: &mut Vec<T>) -> Result<()> {
    if vec.len() == vec.capacity() {
        let more = vec.capacity().max(16);
        budget.memory(more * size_of::<T>())?;
        vec.reserve_exact(more);
    }
    Ok(())
}
