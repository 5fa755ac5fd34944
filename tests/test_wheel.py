"""What is installed is all of kdrep: a wheel, built and imported away from this checkout."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from kdrep.files import ROOT
from kdrep.run import stages

SOURCES = ("pyproject.toml", "README.md", "LICENSE", "kdrep")
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
IMPORT_ALL = """
import importlib, pkgutil, sys
import kdrep
for module in pkgutil.walk_packages(kdrep.__path__, "kdrep."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
assert all(m.__file__.startswith(sys.argv[1]) for name, m in sys.modules.items() if name.split(".")[0] == "kdrep")
print(*sorted(name for name in sys.modules if name.split(".")[0] == "kdrep"))
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder into which the wheel is installed, and nothing else."""
    folder = tmp_path_factory.mktemp("wheel")
    (folder / "source").mkdir()  # a build leaves things beside what it builds
    for name in SOURCES:
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy
        copy(ROOT / name, folder / "source" / name)
    build = [*PIP, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", folder, folder / "source"]
    subprocess.run(build, check=True)
    (wheel,) = folder.glob("*.whl")
    subprocess.run([*PIP, "install", "--no-deps", "--target", folder / "site", wheel], check=True)
    return folder / "site"


def test_the_installed_package_holds_every_file(installed):
    found = {path.relative_to(installed / "kdrep").as_posix() for path in (installed / "kdrep").rglob("*.py")}
    assert found == {stages.inside(path) for path in stages.PACKAGE.rglob("*.py")}


def test_every_module_of_the_installed_package_can_be_imported(installed, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, "-c", IMPORT_ALL, str(installed)]
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert "kdrep.experiments.specialists.training" in run.stdout
