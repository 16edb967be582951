#!/bin/sh
# Builds the program in the suite's folder, and the command that the suite runs.
set -eu
trap 'echo $? >"$HOME/install-exit-status"' EXIT
source=${STYLEGAN_SOURCE:-}
if [ -z "$source" ]; then
    rm -rf source
    git clone --depth 1 https://github.com/stylegan-wgpu/stylegan-wgpu source
    source=$PWD/source
fi
CARGO_TARGET_DIR=$PWD/target cargo build --release --locked --manifest-path "$source/Cargo.toml" --package stylegan-tools

# The report stays beside the result; a picture that is wrong ends with an error and gives none.
cat >stylegan-wgpu <<RUN
#!/bin/sh
"$PWD/target/release/stylegan" "\$@" --json "$PWD/report.json" >"\$LOG_FILE" 2>&1
echo \$? >"\$HOME/test-exit-status"
RUN
chmod +x stylegan-wgpu
