//! The CPU twins of a whole plan: every tensor, in f64 sums and naive loops. What the GPU is compared with.

use std::collections::HashMap;

use crate::kernel::Call;
use crate::plan::{Origin, Plan};

/// Runs a plan on the CPU twins. `inputs` are natural values by name; returns the natural values of every tensor by id.
pub fn run(plan: &Plan, inputs: &HashMap<&str, Vec<f32>>) -> Vec<Vec<f32>> {
    let mut values: Vec<Vec<f32>> = Vec::with_capacity(plan.entries.len());
    for entry in &plan.entries {
        let natural = match &entry.origin {
            Origin::Input => inputs.get(entry.name.as_str()).unwrap_or_else(|| panic!("input {} is missing", entry.name)).clone(),
            Origin::Constant(load) => load(),
            Origin::Pass(index) => {
                let pass = &plan.passes[*index];
                let reads = pass.reads.iter().map(|tensor| (*tensor, values[tensor.id].as_slice())).collect();
                (pass.kernel.twin)(&Call { params: &pass.params, reads, write: pass.write })
            }
        };
        assert_eq!(natural.len(), entry.tensor.len(), "{} has another length than its shape {:?}", entry.name, entry.tensor.shape);
        values.push(natural);
    }
    values
}
