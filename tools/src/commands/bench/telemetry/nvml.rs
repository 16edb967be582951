//! NVIDIA: the driver's management library, loaded where it is installed.

use nvml_wrapper::Nvml;
use nvml_wrapper::bitmasks::device::ThrottleReasons;
use nvml_wrapper::enum_wrappers::device::{Clock, TemperatureSensor};
use stylegan_wgpu::wgpu::AdapterInfo;

use super::{Sample, Source};

const NVIDIA: u32 = 0x10de;

struct Card {
    nvml: Nvml,
    place: Place,
}

/// By which the library finds the card.
enum Place {
    Pci(String),
    /// The only one, where wgpu does not tell its place.
    Only,
}

/// The card that an adapter is, where the library knows it.
pub(super) fn source(info: &AdapterInfo) -> Option<Box<dyn Source>> {
    if info.vendor != NVIDIA {
        return None;
    }
    let nvml = Nvml::init().ok()?;
    let place = match info.device_pci_bus_id.as_str() {
        "" if nvml.device_count().ok()? == 1 => Place::Only,
        "" => return None,
        pci => Place::Pci(pci.to_string()),
    };
    let card = Card { nvml, place };
    card.device()?;
    Some(Box::new(card))
}

impl Card {
    fn device(&self) -> Option<nvml_wrapper::Device<'_>> {
        match &self.place {
            Place::Pci(pci) => self.nvml.device_by_pci_bus_id(pci.as_str()).ok(),
            Place::Only => self.nvml.device_by_index(0).ok(),
        }
    }
}

impl Source for Card {
    fn name(&self) -> String {
        "NVML".into()
    }

    fn read(&mut self, sample: &mut Sample) {
        let Some(device) = self.device() else { return };
        let values = [
            ("gpu_watts", device.power_usage().ok().map(|milliwatts| f64::from(milliwatts) / 1e3)),
            ("gpu_mhz", device.clock_info(Clock::Graphics).ok().map(f64::from)),
            ("gpu_memory_mhz", device.clock_info(Clock::Memory).ok().map(f64::from)),
            ("gpu_celsius", device.temperature(TemperatureSensor::Gpu).ok().map(f64::from)),
        ];
        sample.values.extend(values.into_iter().filter_map(|(name, value)| Some((name, value?))));
        if let Ok(reasons) = device.current_throttle_reasons() {
            // An idle card, and one whose user set its clocks, are not held down.
            let held_down = reasons - ThrottleReasons::GPU_IDLE - ThrottleReasons::APPLICATIONS_CLOCKS_SETTING;
            sample.throttled = Some(!held_down.is_empty());
            sample.reasons.extend(held_down.iter_names().map(|(name, _)| name.to_lowercase().replace('_', " ")));
        }
    }
}
