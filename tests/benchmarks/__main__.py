"""How fast the training loop is, beside the speed of a large matrix product measured in the same run.

    python tests/benchmarks [--device cuda] [--figure growth.png]

Targets, where there are any, stand beside what was measured. The figure shows how the cost of a step grows with
images, members and width.
"""

import argparse
import contextlib
import os
import subprocess
from pathlib import Path

import distillation
import populations
import torch

from kdrep.learning.training import dtype_name
from kdrep.run.doctor import matrix_speed
from kdrep.run.profiles import choose_device

GROWTH = Path("results/runs/growth.png")  # where git does not look
SAMPLE = "nvidia-smi --query-gpu=utilization.gpu --format=csv,noheader,nounits --loop-ms=200"


@contextlib.contextmanager
def utilisation(device: str):
    """Say how busy the GPU was within, if there is one."""
    if device != "cuda":
        yield
        return
    with subprocess.Popen(SAMPLE.split(), stdout=subprocess.PIPE, text=True) as sampler:
        yield
        sampler.terminate()
        seen = [float(line) for line in sampler.stdout.read().split()]
    print(f"(the GPU was busy {sum(seen) / max(1, len(seen)):.0f} % of the time, preparations included)")


def main() -> None:
    """Measure everything, and print it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="auto", choices=["auto", "cpu", "cuda"])
    parser.add_argument("--epochs", type=int, default=3, help="of distillation (default: 3)")
    parser.add_argument("--seeds", type=int, default=3, help="rounds of distillation (default: 3)")
    parser.add_argument("--figure", type=Path, default=GROWTH, help="default: %(default)s")
    options = parser.parse_args()
    os.environ["TQDM_DISABLE"] = "1"  # in the processes of the cases as well
    device = choose_device(options.device)
    ceilings = {dtype: matrix_speed(dtype, device, 4096) for dtype in (torch.float32, torch.bfloat16)}
    print("a 4096 matrix product: " + ", ".join(f"{v:,.0f} GFLOP/s in {dtype_name(k)}" for k, v in ceilings.items()))
    print("(at the start; shares are of what it reaches right before each case, for machines' speed drifts)")
    with utilisation(device):
        distillation.report(device, options.epochs, options.seeds)
    with utilisation(device):
        populations.report(device, options.figure)


if __name__ == "__main__":
    main()
