# Three commands for a fresh Debian or Ubuntu with Rust and make; what else is missing is installed by the scripts.
# On Windows and macOS the cargo commands of README.md do the same.

.PHONY: help demo faces test package python latency fuzz soak indexes lab setup fetch ffmpeg browser display dependencies public-api frames web
.DEFAULT_GOAL := help

# Of `make faces`; each can be set on the command line.
export SEEDS GRID TRUNC OUT
# Mesa's device selection layer complains about a missing desktop once per process.
export NODEVICE_SELECT = 1

# A Vulkan of another make: subgroups of 4, no 16-bit floats.
SWIFTSHADER = /usr/lib/chromium/vk_swiftshader_icd.json

help:
	@echo "make demo    sixteen avatars at 128x128 into out/demo (the built-in model: fetches no weights, no GPU needed)"
	@echo "make faces   photoreal faces at 1024x1024 into out/faces (fetches 36 MiB of weights, no GPU needed)"
	@echo "make test    formatting, lints, all tests and the documentation"
	@echo "make python  the wheel for Python, and its tests"
	@echo "make package every crate as it would be published, each built from what is in it"
	@echo "make latency the table of docs/latency.md, of the reports in docs/measurements"
	@echo "make fuzz    what damaged and hostile files do to the readers (MINUTES=15 for each target)"
	@echo "make soak    the server under mixed load with faults injected (MINUTES=15)"
	@echo "make lab     the kernels in the compilers of AMD, Intel, NVIDIA and Direct3D, without their GPUs (root, half an hour)"

# Of the setup only what this needs: without a compiler or a Vulkan driver it would fail, without rustfmt and clippy it does not.
demo:
	@sh scripts/setup-rust.sh --build-only
	@sh scripts/setup-vulkan.sh
	cargo run --release -- generate --overwrite --seeds 19,27,35,50,70,87,102,130,148,158,169,194,214,221,228,230 --grid 4x4 --outdir out/demo
	@echo "    out/demo/grid.png    all sixteen"

faces: setup
	cargo build --release --package stylegan-tools
	sh scripts/faces.sh

test: setup fetch ffmpeg browser display
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	@if sh scripts/setup-wasm.sh; then $(MAKE) --no-print-directory web; \
		elif [ "$$STYLEGAN_BROWSER" = required ]; then echo "STYLEGAN_BROWSER=required: that is a failure."; exit 1; \
		else echo "Without it, the tests of the page without a server are skipped."; fi
	cargo test --workspace
	STYLEGAN_CHECKED=1 cargo test --workspace --test kernels
	@if [ -e $(SWIFTSHADER) ]; then VK_DRIVER_FILES=$(SWIFTSHADER) cargo test --workspace --test kernels --test plans; \
		else echo "Without $(SWIFTSHADER) (chromium-common), the kernels are not tested on a second Vulkan."; fi
	cargo clippy --workspace --all-targets --no-default-features -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps
	sh bindings/c/memcheck.sh
	@$(MAKE) --no-print-directory python
	@$(MAKE) --no-print-directory package

# Licences, bans, unused and lowest dependencies, typos: its tools take minutes to build, once.
dependencies:
	sh scripts/check-dependencies.sh

# What is public in the engine, a line each: a change shows in review.
public-api:
	sh scripts/public-api.sh > docs/public-api.tmp && mv docs/public-api.tmp docs/public-api.txt

# The page that draws in the browser (dist/web, for any static host) and the npm package (dist/npm). docs/web.md
web:
	@sh scripts/setup-wasm.sh
	. target/wasm/env.sh && cargo build --package stylegan-web --profile web --target wasm32-unknown-unknown $$WASM_FLAGS
	cargo run --quiet --package stylegan-bundle -- target/wasm32-unknown-unknown/web/stylegan_web.wasm dist/npm dist/web

# How long the engine's calls hold up a frame, of a network that takes seconds. docs/performance.md
frames:
	cargo bench --bench frames

# The wheel and its tests, in a virtual environment of the project's.
python:
	@sh scripts/setup-python.sh
	sh bindings/python/test.sh

package:
	sh scripts/package.sh

# The reports of schema 1 are history; without any of today's, the table says that there is none.
latency:
	cargo run --release --package stylegan-tools -- bench --compare $$(grep -lr '"schema": 2' docs/measurements --include=*.json) --latency docs/latency.md

# Not a part of make test: hunts in the readers, and a server under load with faults. docs/security.md, docs/serve.md
MINUTES = 15
fuzz:
	fuzz/run.sh $$(( 60 * $(MINUTES) ))

# Two thousand odd convolutions, with wgpu's checks and without.
indexes:
	INDEXES=1000 cargo test --test indexes
	INDEXES=1000 STYLEGAN_CHECKED=1 cargo test --test indexes

soak:
	cargo build --release --package stylegan-tools
	python3 benches/serve/soak.py target/release/stylegan $(MINUTES)

# Not a part of make test: chroots of Debian, drivers of today. tools/gpu-lab/README.md
lab: setup
	sh tools/gpu-lab/setup.sh
	python3 tools/gpu-lab/lab.py --report --check
	sh tools/gpu-lab/dxc.sh
	sh tools/gpu-lab/drivers.sh

setup:
	@sh scripts/setup-rust.sh
	@sh scripts/setup-vulkan.sh

# The tests of the web page are the only ones that need it.
browser:
	@sh scripts/setup-browser.sh || echo "Without a browser, the tests of the web page are skipped."

# The tests that compare with the original MobileStyleGAN are the only ones that need it.
fetch:
	@sh scripts/fetch-mobilestylegan.sh >/dev/null || echo "Without its weights, the tests of MobileStyleGAN are skipped."

# The examples with a window are the only ones that need it.
display:
	@sh scripts/setup-display.sh || echo "Without a display in memory, the examples with a window are only compiled."

ffmpeg:
	@sh scripts/setup-ffmpeg.sh || echo "Without ffmpeg, the tests of .mp4 are skipped."
