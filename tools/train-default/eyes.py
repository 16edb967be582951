"""Which seeds show the default model well: `eyes.py FOLDER`, of what `stylegan generate --seeds 0-255 --outdir FOLDER` drew.

The drawings have their eyes in the same band of pixels, mostly behind glasses. Eyes are found where a column of that band is dark
and has skin above and below; the number is the part of the columns. Smudges are soft slopes, counted against hard edges.
"""

import sys
from pathlib import Path

import numpy as np
from PIL import Image

# Of 128 x 128: rows and columns of the eyes; skin above and below them; the cheeks, whose colour is skin.
BAND, COLUMNS = slice(58, 78), slice(58, 104)
ABOVE, BELOW = slice(52, 60), slice(74, 84)
CHEEKS = slice(72, 90), slice(60, 92)
# So much of the band: glasses, or two eyes. The faint ghosts of eyes that most seeds have are below it.
FOUND = 0.65


def measure(picture):
    """Columns with eyes (0 to 1), and soft slopes for every hard edge, of grey pixels [128, 128]."""
    skin = np.median(picture[CHEEKS])
    dark = (picture[BAND, COLUMNS] < 0.45 * skin).any(0)
    framed = (picture[ABOVE, COLUMNS].max(0) > 0.75 * skin) & (picture[BELOW, COLUMNS].max(0) > 0.75 * skin)
    slope = np.hypot(*np.gradient(picture))
    soft, hard = ((slope > 2.5) & (slope < 14)).mean(), (slope >= 25).mean()
    return (dark & framed).mean(), soft / hard


def main():
    found = {}
    paths = sorted(Path(sys.argv[1]).glob("seed*.png"))
    for path in paths:
        eyes, smudges = measure(np.asarray(Image.open(path).convert("RGB"), dtype=float).mean(2))
        if eyes >= FOUND:
            found[path.stem] = smudges
    print(f"eyes in {len(found)} of {len(paths)}; the clearest first:")
    for name in sorted(found, key=found.get):
        print(f"{name}  {found[name]:.2f} soft slopes for a hard edge")


if __name__ == "__main__":
    main()
