//! `stylegan devices`: what this machine can render on.

use clap::Args;
use serde_json::{Map, json};
use stylegan_wgpu::blocking;

use crate::failure::Failure;
use crate::say;

/// Lists the adapters: GPUs and software ones, their drivers, tiers and limits.
#[derive(Debug, Args)]
#[command(after_help = "Examples:
  stylegan devices
  stylegan devices --json")]
pub(crate) struct DevicesArgs {
    /// Prints JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(args: &DevicesArgs) -> Result<(), Failure> {
    let adapters = blocking::adapters();
    if args.json {
        let list: Vec<_> = adapters
            .iter()
            .map(|adapter| {
                let limits: Map<_, _> = adapter.limits.iter().map(|(name, value)| (name.to_string(), json!(value))).collect();
                json!({
                    "index": adapter.index,
                    "name": adapter.name,
                    "backend": adapter.backend.to_string(),
                    "driver": adapter.driver,
                    "device_type": adapter.device_type.to_string(),
                    "tier": adapter.tier.to_string(),
                    "limits": limits,
                })
            })
            .collect();
        return say(&format!("{:#}", json!(list)));
    }
    if adapters.is_empty() {
        return Err(Failure::Runtime(
            "no adapter found: install a Vulkan driver (on Debian and Ubuntu, mesa-vulkan-drivers has a software one)".into(),
        ));
    }
    for adapter in &adapters {
        let mut text = format!("{}: {}\n", adapter.index, adapter.name);
        for (label, value) in [
            ("type", adapter.device_type.to_string()),
            ("backend", adapter.backend.to_string()),
            ("driver", adapter.driver.clone()),
            ("tier", adapter.tier.to_string()),
        ] {
            text.push_str(&format!("   {label:<36} {value}\n"));
        }
        for (name, value) in &adapter.limits {
            text.push_str(&format!("   {name:<36} {value}\n"));
        }
        say(text.trim_end())?;
    }
    Ok(())
}
