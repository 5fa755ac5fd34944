"""A small training in a stage, for the test that kills it: python killable.py FOLDER RESULT [SLOW]."""

import sys
import time
from pathlib import Path

import torch

from kdrep.data.mnist import embedded_digits
from kdrep.experiments.mnist import training as mnist
from kdrep.learning import training
from kdrep.run import stages

training.CHECKPOINT_EVERY = 0


def slow(*arguments, save=training.save_checkpoint):
    """Save a checkpoint, then wait long enough to be killed."""
    save(*arguments)
    time.sleep(0.2)


if __name__ == "__main__":
    if "SLOW" in sys.argv:
        training.save_checkpoint = slow
    torch.set_num_threads(1)
    recipe = training.Recipe(epochs=6, batch_size=64, dropout=(0.1, 0.3, 0.3), jitter=2, max_norm=3.0)
    result = stages.run_stage(
        Path(sys.argv[1]), "teacher", mnist.fit, dataset=embedded_digits(), recipe=recipe, sizes=(784, 32, 32, 10),
        members=[0, 1], keep=["weights", "curve"],
    )  # fmt: skip
    torch.save({name: result[name] for name in ("test_logits", "losses", "curve")}, sys.argv[2])
