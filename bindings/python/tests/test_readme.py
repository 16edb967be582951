"""The lines of the README work, in the order they are there."""

import re
from pathlib import Path

README = Path(__file__).resolve().parents[1] / "README.md"


def test_the_lines_of_the_readme_work(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)
    names = {}
    exec(compile(code, str(README), "exec"), names)
    assert names["pictures"].shape == names["older"].shape == (2, 128, 128, 3)
    assert (names["pictures"] != names["older"]).any()
    assert sorted(path.name for path in tmp_path.iterdir()) == [f"seed{seed:04}.png" for seed in [*range(8), 19]]
