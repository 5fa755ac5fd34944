"""Ctrl-C while a notebook runs: one line, status 130, and nothing is left running."""

import signal
import subprocess
import sys

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook
from waiting import is_alive, wait_until

from kdrep.files import ROOT

SLOW = """
import os, pathlib, time
pathlib.Path({mark!r}).write_text(str(os.getpid()))
time.sleep(600)
"""
START = """
import pathlib, sys
from kdrep import __main__
sys.argv[1:] = ["reproduce", "01", "--profile", "smoke", "--device", "cpu"]

def slow(options):
    from kdrep.run import runner
    runner.NOTEBOOKS = pathlib.Path({notebooks!r})
    return runner.execute("01_mnist", pathlib.Path({target!r}), {{}})

__main__.reproduce_all = slow
sys.exit(__main__.main())
"""


BETWEEN = """
import os, pathlib, sys, time
from kdrep import __main__
sys.argv[1:] = ["reproduce", "01", "--profile", "smoke", "--device", "cpu"]

def between(options):
    pathlib.Path({mark!r}).write_text(str(os.getpid()))
    time.sleep(600)

__main__.reproduce_all = between
sys.exit(__main__.main())
"""
SAID = ["interrupted; what is finished is kept, and the same command goes on where this one stopped"]


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="signals cannot be waited for here")
def test_an_interrupted_notebook_ends_with_one_line(tmp_path):
    mark, target = tmp_path / "kernel.pid", tmp_path / "run" / "01_mnist.ipynb"
    parameters = new_code_cell("profile = 'smoke'", metadata={"tags": ["parameters"]})
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    cells = [parameters, new_code_cell(SLOW.format(mark=str(mark)))]
    nbformat.write(new_notebook(cells=cells, metadata=kernel), tmp_path / "01_mnist.ipynb")
    script = START.format(notebooks=str(tmp_path), target=str(target))
    running = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, cwd=ROOT)
    wait_until(lambda: mark.exists() and mark.read_text())
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1].decode()
    assert running.returncode == 130
    assert said.strip().splitlines() == SAID
    wait_until(lambda: not is_alive(int(mark.read_text())))


@pytest.mark.skipif(not hasattr(signal, "sigtimedwait"), reason="signals cannot be waited for here")
def test_an_interruption_between_two_notebooks_is_the_same(tmp_path):
    mark = tmp_path / "command.pid"
    script = BETWEEN.format(mark=str(mark))
    running = subprocess.Popen([sys.executable, "-c", script], stderr=subprocess.PIPE, cwd=ROOT)
    wait_until(lambda: mark.exists() and mark.read_text())
    running.send_signal(signal.SIGINT)
    said = running.communicate(timeout=60)[1].decode()
    assert (running.returncode, said.strip().splitlines()) == (130, SAID)
