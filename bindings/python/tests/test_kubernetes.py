"""The manifests in docs are valid, and the Job's command draws every part of the list."""

import os
import re
import subprocess

import pytest
from conftest import ROOT

yaml = pytest.importorskip("yaml", reason="without PyYAML, the manifests are not read")
validate = pytest.importorskip("kubernetes_validate", reason="without kubernetes-validate, the manifests are not validated")


def manifests(name):
    blocks = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs" / name).read_text(), re.DOTALL)
    return [manifest for block in blocks for manifest in yaml.safe_load_all(block)]


@pytest.mark.parametrize(("name", "kinds"), [("serve.md", ["Deployment", "Service"]), ("scale.md", ["Job"])])
def test_manifests_are_valid(name, kinds):
    found = manifests(name)
    assert [manifest["kind"] for manifest in found] == kinds
    for manifest in found:
        validate.validate(manifest, "1.37", strict=True)


def test_what_is_no_manifest_is_refused():
    (job,) = manifests("scale.md")
    job["spec"]["template"]["spec"]["containers"][0]["comand"] = ["sh"]
    with pytest.raises(validate.ValidationError):
        validate.validate(job, "1.37", strict=True)


def test_the_command_of_the_job_draws_every_part(tiny, stylegan, tmp_path):
    (job,) = manifests("scale.md")
    *shell, script = job["spec"]["template"]["spec"]["containers"][0]["command"]
    assert shell == ["sh", "-c"]
    count = job["spec"]["completions"]
    for theirs, ours in [("/models/ffhq.safetensors", str(tiny)), ("0-99999", "0-19"), ("/pictures", str(tmp_path))]:
        assert script.count(theirs) == 1
        script = script.replace(theirs, ours)
    path = os.pathsep.join([str(ROOT / "target/debug"), os.environ["PATH"]])
    for index in (0, 5, count - 1):
        subprocess.run([*shell, script], check=True, capture_output=True, env={**os.environ, "PATH": path, "JOB_COMPLETION_INDEX": str(index)})
    parts = [range(index * 20 // count, (index + 1) * 20 // count) for index in (0, 5, count - 1)]
    drawn = sorted(file.name for file in (tmp_path / "many").glob("*.png"))
    assert drawn == sorted(f"seed{seed:04}.png" for part in parts for seed in part)
