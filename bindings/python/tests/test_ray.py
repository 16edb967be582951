"""The example for Ray, on a local Ray with two workers."""

import json
import os
import sys
from pathlib import Path

import pytest

ray = pytest.importorskip("ray", reason="Ray is not installed, so its example is not tested")
EXAMPLES = str(Path(__file__).resolve().parents[1] / "examples")
sys.path.insert(0, EXAMPLES)


@pytest.fixture(scope="module", autouse=True)
def two_workers():
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    paths = os.pathsep.join([EXAMPLES, os.environ.get("PYTHONPATH", "")])
    # Ray's own counting: two for the workers, the others to hand out the list.
    ray.init(num_cpus=4, include_dashboard=False, log_to_driver=False, runtime_env={"env_vars": {"PYTHONPATH": paths}})
    yield
    ray.shutdown()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_two_workers_draw_one_folder_and_go_on(tiny, stylegan, tmp_path):
    import ray_folder

    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    rows = ray_folder.run(str(tiny), 12, str(ours), workers=2, shards=4)
    assert sorted(row["shard"] for row in rows) == [1, 2, 3, 4]
    assert sum(row["drawn"] for row in rows) == 12
    assert len({row["worker"] for row in rows}) == 2
    stylegan("generate", "--network", tiny, "--seeds", "0-11", "--trunc", "0.7", "--no-metadata", "--outdir", theirs)
    for file in theirs.glob("*.png"):
        assert (ours / file.name).read_bytes() == file.read_bytes()

    # A shard that was interrupted lacks a picture and has half a line.
    (ours / "seed0005.png").unlink()
    manifest = ours / "manifest-1-of-4.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-9])
    assert sum(row["drawn"] for row in ray_folder.run(str(tiny), 12, str(ours), workers=2, shards=4)) == 2
    recorded = [json.loads(line) for path in ours.glob("*.jsonl") for line in path.read_text().splitlines()[1:]]
    assert {entry["seed"] for entry in recorded} == set(range(12))
