#!/usr/bin/env python3
"""shims.py MESA: edits Mesa 25.0's drm-shims, so that drivers of today and two chips more can do with them. Twice is once."""

import pathlib
import sys

source = pathlib.Path(sys.argv[1]) / "src"


def edit(name, change):
    path = source / name
    before = path.read_text()
    after = change(before)
    if after != before:
        path.write_text(after)


def replaced(text, *pairs, count=-1):
    for old, new in pairs:
        assert old in text, f"{old!r} is gone: another version of Mesa?"
        text = text.replace(old, new, count)
    return text


def newer_interface(text):
    """RADV 26 wants DRM 3.54 and more."""
    return text if "version_minor = 63;" in text else replaced(text, ("version_minor = 49;", "version_minor = 63;"))


def gfx1201(text):
    """RX 9070, made of the entry of the RX 7900 before it."""
    if '"gfx1201"' in text:
        return text
    start, end = text.index('   {\n      .name = "navi31"'), text.index('   {\n      .name = "navi21"')
    entry = replaced(
        text[start:end],
        ('"navi31"', '"gfx1201"'), ("CHIP_NAVI31", "CHIP_GFX1201"), ("AMDGPU_FAMILY_GC_11_0_0", "AMDGPU_FAMILY_GC_12_0_0"),
        (".hw_ip_version_major = 11", ".hw_ip_version_major = 12"), ("0xb0000", "0xc0001"), (".device_id = 0x744c", ".device_id = 0x7550"),
        (".external_rev = 0x01", ".external_rev = 0x51"), (".num_shader_engines = 6", ".num_shader_engines = 4"),
        (".cu_active_number = 96", ".cu_active_number = 64"),
    )
    return text[:end] + entry + text[end:]


def ada(text):
    """Chip 0x192, with the classes of NVIDIA's headers: Ada's 3D and compute, Ampere's copy engine."""
    if "case 0x190" in text:
        return text
    older = "".join(f"      case 0x{family}0:\n" for family in (17, 16, 14, 13))
    text = replaced(text, (older.rstrip("\n"), "      case 0x190:\n" + older.rstrip("\n")), count=1)
    chosen = "sclass->sclass.oclass[idx].oclass = "
    for name, number in (("AMPERE_DMA", "0xc7b5"), ("GA102_3D_CLASS", "0xc997"), ("GA102_COMPUTE_CLASS", "0xc9c0")):
        place = text.index(f"         case 0x170:\n            {chosen}{name}") if name == "AMPERE_DMA" else text.index(f"      case 0x170:\n         {chosen}{name}")
        indent = "         " if name == "AMPERE_DMA" else "      "
        text = text[:place] + f"{indent}case 0x190:\n{indent}   {chosen}{number};\n{indent}   break;\n" + text[place:]
    return text


edit("amd/drm-shim/amdgpu_noop_drm_shim.c", newer_interface)
edit("amd/drm-shim/amdgpu_devices.c", gfx1201)
edit("nouveau/drm-shim/nouveau_noop.c", ada)

# Intel's shim is one of several tools, some of which want LLVM; alone it does not.
(source / "intel/shim").mkdir(exist_ok=True)
(source / "intel/shim/meson.build").write_text("""\
shared_library('intel_noop_drm_shim', ['../tools/intel_noop_drm_shim.c', intel_dev_serialize_src],
  include_directories: [inc_include, inc_src, inc_intel], gnu_symbol_visibility: 'hidden',
  dependencies: [dep_libdrm, dep_drm_shim, idep_mesautil, idep_libintel_common, idep_intel_dev, idep_parson])
""")
edit("intel/meson.build", lambda text: text if "subdir('shim')" in text else text + "subdir('shim')\n")
