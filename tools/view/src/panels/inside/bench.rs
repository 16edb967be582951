//! "Bench this": `stylegan bench` of the open network, in a process of its own, and its report.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use eframe::egui::{self, Role};
use stylegan_wgpu::Precision;

use crate::error::ViewError;
use crate::loading::Network;
use crate::panels::Panel;
use crate::panels::parts::{button, named, trouble};
use crate::state::State;
use crate::tasks::{Reporter, Task};

/// The panel.
pub(crate) struct Bench {
    seconds: u32,
    running: Option<Task<Report>>,
    report: Option<Report>,
    error: Option<String>,
}

/// What a bench leaves.
struct Report {
    page: PathBuf,
    /// The line that says the result.
    result: String,
}

impl Default for Bench {
    fn default() -> Bench {
        Bench { seconds: 20, running: None, report: None, error: None }
    }
}

impl Panel for Bench {
    fn title(&self) -> &'static str {
        "Bench"
    }

    fn tick(&mut self, _: &mut State) {
        match self.running.as_mut().and_then(Task::try_take) {
            None => return,
            Some(Ok(report)) => self.report = Some(report),
            Some(Err(error)) => self.error = Some(error.to_string()),
        }
        self.running = None;
    }

    fn ui(&mut self, ui: &mut egui::Ui, state: &mut State) {
        ui.horizontal_wrapped(|ui| {
            named(ui.add(egui::DragValue::new(&mut self.seconds).range(1..=600).suffix(" s")), Role::SpinButton, "Seconds to measure");
            let ready = self.running.is_none() && state.options.program.is_some();
            if button(ui, ready, "Bench this", "Bench this network") {
                (self.report, self.error) = (None, None);
                self.running = self.start(state);
            }
        });
        if state.options.program.is_none() {
            ui.label("This window was opened without the command; `stylegan bench` measures.");
        }
        if self.running.as_ref().is_some_and(|task| task.bar(ui)) {
            self.running = None;
        }
        if let Some(report) = &self.report {
            ui.label(&report.result);
            ui.label(report.page.display().to_string());
            if button(ui, true, "Open report", "Open the report in a browser") {
                ui.ctx().open_url(egui::OpenUrl::new_tab(format!("file://{}", report.page.display())));
            }
        }
        trouble(ui, self.error.as_deref());
    }
}

impl Bench {
    fn start(&self, state: &State) -> Option<Task<Report>> {
        let (network, program, seconds) = (state.network()?.clone(), state.options.program.clone()?, self.seconds);
        let folder = state.options.tuning.clone();
        Some(Task::spawn("measuring; the window draws slower meanwhile", &state.context, move |reporter| {
            let folder = folder.unwrap_or_else(std::env::temp_dir).join("bench");
            std::fs::create_dir_all(&folder).map_err(|error| ViewError::File(folder.clone(), error))?;
            bench(&program, &network, &folder, seconds, reporter)
        }))
    }
}

/// Runs the command; cancelled, it is ended.
fn bench(program: &Path, network: &Network, folder: &Path, seconds: u32, reporter: &Reporter) -> Result<Report, ViewError> {
    let stamp = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let at = |ending: &str| folder.join(format!("{stamp}.{ending}"));
    let (page, text, messages) = (at("html"), at("txt"), at("log"));
    let file = |path: &Path| File::create(path).map_err(|error| ViewError::File(path.into(), error));
    // The built-in network has no file, and no name on the command line of bench.
    let written = at("safetensors");
    let path = match &network.path {
        Some(path) => path,
        None => {
            network.model.save(&written, Precision::F32)?;
            &written
        }
    };
    let mut command = Command::new(program);
    command.arg("bench").arg("--network").arg(path).arg("--duration").arg(seconds.to_string());
    command.arg("--html").arg(&page).arg("--json").arg(at("json"));
    let failed = |error| ViewError::File(program.into(), error);
    let mut child = command.stdin(Stdio::null()).stdout(file(&text)?).stderr(file(&messages)?).spawn().map_err(failed)?;
    let start = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if reporter.is_cancelled() {
            // It may have ended by itself meanwhile.
            let _ = child.kill();
            let _ = child.wait();
            let _ = std::fs::remove_file(&written);
            return Err(ViewError::Cancelled);
        }
        // Loading, checking and the ceilings take their time before and after.
        reporter.report((start.elapsed().as_secs_f32() / (seconds as f32 + 15.0)).min(0.99));
        thread::sleep(Duration::from_millis(100));
    };
    let _ = std::fs::remove_file(&written);
    let last = |path: &Path| std::fs::read_to_string(path).unwrap_or_default().lines().last().unwrap_or_default().to_owned();
    match status.success() {
        true => Ok(Report { page, result: last(&text) }),
        false => Err(ViewError::Wrong(format!("stylegan bench: {}", last(&messages)))),
    }
}
