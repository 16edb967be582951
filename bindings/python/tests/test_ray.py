"""The example for Ray, on a local Ray with two workers."""

import json
import os
import sys
import time
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
def test_two_workers_draw_one_folder_and_go_on(tiny, stylegan, tmp_path, monkeypatch):
    import ray_folder

    ours, theirs, ready = tmp_path / "ours", tmp_path / "theirs", tmp_path / "ready"
    ready.mkdir()

    class Both(ray_folder.Draw):
        """Draws when both have something to draw: else one may have drawn everything before the other has started."""

        def __call__(self, rows):
            (ready / str(os.getpid())).touch()
            while len(list(ready.iterdir())) < 2:
                time.sleep(0.02)
            return super().__call__(rows)

    with monkeypatch.context() as patched:
        patched.setattr(ray_folder, "Draw", Both)
        rows = ray_folder.run(str(tiny), 36, str(ours), workers=2, shards=12)
    assert sorted(row["shard"] for row in rows) == list(range(1, 13))
    assert sum(row["drawn"] for row in rows) == 36
    assert len({row["worker"] for row in rows}) == 2
    stylegan("generate", "--network", tiny, "--seeds", "0-35", "--trunc", "0.7", "--no-metadata", "--outdir", theirs)
    for file in theirs.glob("*.png"):
        assert (ours / file.name).read_bytes() == file.read_bytes()

    # A shard that was interrupted lacks a picture and has half a line.
    (ours / "seed0005.png").unlink()
    manifest = ours / "manifest-1-of-12.jsonl"
    manifest.write_bytes(manifest.read_bytes()[:-9])
    assert sum(row["drawn"] for row in ray_folder.run(str(tiny), 36, str(ours), workers=2, shards=12)) == 2
    recorded = [json.loads(line) for path in ours.glob("*.jsonl") for line in path.read_text().splitlines()[1:]]
    assert {entry["seed"] for entry in recorded} == set(range(36))
