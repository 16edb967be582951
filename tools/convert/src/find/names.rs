//! What names say: that something is an average, a counter, a usual companion of a generator.

/// What the average w is called.
pub(super) const AVERAGES: [&str; 10] =
    ["latent_avg", "mean_latent", "latent_mean", "w_avg", "avg_latent", "dlatent_avg", "mean_w", "w_mean", "latent_average", "wavg"];

/// What counts and is no weight: PyTorch's and profilers' own, silently passed over wherever they are.
pub(crate) fn is_counter(name: &str) -> bool {
    matches!(name.rsplit('.').next(), Some("num_batches_tracked" | "n_averaged" | "total_ops" | "total_params"))
}

/// Whether the last step of a name is that of an average w.
pub(crate) fn is_average_w(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let words = words(last);
    let any = |of: &[&str]| words.iter().any(|word| of.contains(&word.as_str()));
    AVERAGES.contains(&last)
        || any(&["avg", "mean", "average"]) && any(&["w", "ws", "latent", "latents", "dlatent", "dlatents", "style"]) && words.len() == 2
}

/// What training leaves beside an average, and encoders beside their decoder.
pub(super) fn is_usual(name: &str) -> bool {
    let words = words(name);
    let usual = [
        "g",
        "d",
        "gs",
        "generator",
        "discriminator",
        "netg",
        "netd",
        "optim",
        "optimizer",
        "optimizers",
        "opt",
        "scheduler",
        "lr",
        "augment",
        "latent",
        "encoder",
        "ema",
        "average",
        "avg",
        "smooth",
        "iter",
        "step",
        "epoch",
        "loss",
        "callbacks",
        "loops",
        "rng",
        "random",
        "noises",
    ];
    words.iter().any(|word| usual.contains(&word.as_str()))
}

/// Whether a name says that this is an average of the weights.
pub(super) fn is_average(step: &str) -> bool {
    words(step).iter().any(|word| {
        let known = ["ema", "smooth", "average", "averaged", "avg", "swa", "gs", "gema", "shadow", "running", "polyak", "ma", "mean"];
        known.contains(&word.as_str())
    })
}

/// The words of a name, in lower case: `netG_EMA` is net, g, ema.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for letter in name.chars() {
        if !letter.is_alphanumeric() || letter.is_uppercase() && before.is_lowercase() {
            words.push(String::new());
        }
        if letter.is_alphanumeric() {
            words.last_mut().expect("never empty").extend(letter.to_lowercase());
        }
        before = letter;
    }
    words.retain(|word| !word.is_empty());
    words
}
