"""What is installed is the same program as the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PIP = (sys.executable, "-m", "pip", "--disable-pip-version-check", "-q")
STILL = ROOT / "tests" / "instruments" / "still.py"


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    run(*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", str(folder), str(ROOT))
    (made,) = folder.glob("*.whl")
    return made


@pytest.fixture
def python(tmp_path: Path) -> Path:
    """The interpreter of a new environment that sees this one's packages, but not the checkout."""
    venv.create(tmp_path / "venv", with_pip=False)
    found = tmp_path / "venv" / "bin" / "python"
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    # A folder that a .pth names: .pth files in it, such as that of an editable mixer, do not count.
    (site / "tested.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return found


def run(*command: str, cwd: Path | None = None) -> str:
    quiet = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        command, cwd=cwd, env=quiet, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def files_of(folder: str) -> set[str]:
    found = (path for path in (ROOT / folder).rglob("*") if path.is_file())
    return {str(path.relative_to(ROOT)) for path in found if "__pycache__" not in path.parts}


def test_a_wheel_has_every_file_of_the_program(wheel: Path) -> None:
    """Modules, scripts, pages, styles, types: all of mixer/, and layouts/ inside the package."""
    with zipfile.ZipFile(wheel) as archive:
        held = {name for name in archive.namelist() if ".dist-info/" not in name}
    assert held == files_of("mixer") | {f"mixer/{name}" for name in files_of("layouts")}
    assert {"mixer/layouts/sdk/mixer-layout.d.ts", "mixer/room/static/conference.js"} <= held


@pytest.mark.system
def test_an_installed_mixer_paints_its_layouts(wheel: Path, python: Path, tmp_path: Path) -> None:
    """Installed away from the checkout, a still of the default layout is the checkout's."""
    run(*PIP, "--python", str(python), "install", "--no-deps", "--no-index", str(wheel))
    installed, ours = tmp_path / "installed.png", tmp_path / "ours.png"
    lies = run(str(python), "-P", str(STILL), str(installed), cwd=tmp_path)
    assert Path(lies).is_relative_to(tmp_path / "venv")
    lies = run(sys.executable, "-m", "tests.instruments.still", str(ours), cwd=ROOT)
    assert Path(lies) == ROOT / "layouts"
    assert installed.read_bytes() == ours.read_bytes()
    assert "inspect" in run(str(python.with_name("mixer")), "--help", cwd=tmp_path)
