"""smoke | quick | thorough | full: what every notebook does in each, side by side."""

from types import SimpleNamespace
from typing import Any, NamedTuple

import torch

from kdrep.environment import setting, switch

PROFILES = ("smoke", "quick", "thorough", "full")


# What a dry run (KDREP_DRY=1) takes from smoke: whatever says how much and how long.
LENGTHS = ("slice", "digits", "seeds", "members", "copies", "epochs", "epoch_size", "images", "few", "steps")


class By(NamedTuple):
    """One setting in the four profiles."""

    smoke: Any
    quick: Any
    thorough: Any
    full: Any


TEACHER = dict(
    epochs=By(2, 40, 50, 200), batch_size=512, learning_rate=2e-3, max_norm=3.0, dropout=(0.1, 0.3, 0.3), jitter=2
)
BASELINE = dict(epochs=By(1, 15, 15, 40), batch_size=256, learning_rate=0.2, optimizer="sgd")
STUDENT = dict(epochs=By(2, 25, 40, 120), batch_size=512, learning_rate=2e-3)

TEMPERATURES = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 6.0, 9.0, 20.0, 50.0)

RESIDUAL = dict(batch_size=256, optimizer="sgd", nesterov=True, warmup=0.2, decay="cosine")

ONE_CYCLE = dict(batch_size=128, optimizer="adamw", weight_decay=0.01, warmup=0.2, decay="cosine")

SHARES = (1, 3, 10, 30, 100)  # per cent of the data

# What is changed, one thing at a time, in learning from a part of the data.
CHANGES = ("half weight on labels", "half the width", "a quarter of the steps", "twice the steps")

# Teacher's and student's layers for the hint, where their maps fit; (2, 4), the paper's, has been trained by then.
PAIRS = ((1, 2), (1, 3), (2, 2), (2, 3), (2, 5), (3, 2), (3, 4), (3, 6))

COLOURS = {"F1": "cifar10", "F2": "cifar100"}  # claims, and the data on which they are

SETTINGS = {
    "00_distillation": dict(
        data=("mnist",),
        slice=By((2000, 500), None, None, None),
        seeds=By(1, 3, 3, 5),
        teacher=TEACHER,
        small_student=dict(epochs=By(1, 15, 15, 60), batch_size=128, learning_rate=2e-3),
        small_seeds=By(2, 6, 8, 10),
        small_width=By(8, 30, 30, 30),
        pair_seeds=By(2, 6, 10, 10),
        group_seeds=By(2, 3, 5, 8),
        ensemble=By(2, 3, 4, 10),
        transfer_width=By(32, 100, 100, 800),
        member=dict(epochs=By(1, 20, 20, 60), batch_size=256, learning_rate=2e-3, jitter=1),
        student=dict(epochs=By(1, 20, 20, 60), batch_size=256, learning_rate=2e-3),
    ),
    "01_mnist": dict(
        data=("mnist",),
        slice=By((2000, 500), None, None, None),
        seeds=By(1, 3, 3, 5),
        teacher=TEACHER,
        baseline=BASELINE,
        student=STUDENT,
        hard_weight=0.1,
        sweep={
            30: dict(epochs=By(1, 30, 45, 60), batch_size=256, learning_rate=4e-3),
            100: dict(epochs=By(1, 10, 10, 60), batch_size=256, learning_rate=2e-3),
            300: dict(epochs=By(1, 6, 6, 40), batch_size=512, learning_rate=2e-3),
            800: dict(epochs=By(1, 3, 4, 30), batch_size=512, learning_rate=2e-3),
        },
        sweep_seeds={30: By(2, 6, 8, 10), 100: By(1, 3, 3, 10), 300: By(1, 3, 3, 5), 800: By(1, 2, 3, 5)},
        temperatures=By(TEMPERATURES, (1.0, 2.0, 3.0, 4.0, 6.0, 9.0, 20.0, 50.0), TEMPERATURES, TEMPERATURES),
        omitted=dict(epochs=By(1, 10, 10, 20), batch_size=512, learning_rate=2e-3),
        pair=dict(epochs=By(1, 30, 30, 60), batch_size=128, learning_rate=1e-3),
    ),
    "02_speech": dict(
        data=("digits",),
        slice=By((3, 10), None, None, None),
        seeds=By(1, 1, 1, 5),
        width=By(16, 192, 192, 2560),
        depth=By(2, 8, 8, 8),
        members=By(2, 5, 10, 10),
        member=dict(epochs=By(1, 4, 4, 4), batch_size=512, learning_rate=By(2e-3, 2e-3, 2e-3, 3e-4)),
        copies=By(1, 1, 3, 3),
        student=dict(epochs=By(1, 3, 4, 4), batch_size=512, learning_rate=By(2e-3, 2e-3, 2e-3, 3e-4)),
        temperatures=By((1.0, 2.0), (2.0, 5.0), (1.0, 2.0, 5.0, 10.0), (1.0, 2.0, 5.0, 10.0)),
    ),
    "03_specialists": dict(
        data=("cifar100",),
        slice=By((1500, 500), None, None, None),
        seeds=By(1, 1, 2, 5),
        gain_seeds=By(2, 1, 5, 5),
        shape=dict(widths=By((4, 6, 8), (16, 16, 32, 48), (16, 16, 32, 48), (16, 16, 32, 48)), pool=False),
        generalist=dict(epochs=By(2, 30, 40, 100), learning_rate=0.8, weight_decay=1e-4, **RESIDUAL),
        count=By(3, 7, 10, 40),
        size=20,
        specialist=dict(epochs=By(2, 3, 5, 8), learning_rate=0.1, weight_decay=1e-4, **RESIDUAL),
        epoch_size=By(256, 40_960, 40_960, 40_960),
        short_epochs=By(1, 1, 1, 2),
        mixture_epochs=By(1, 3, 5, 8),
        large_net=By(True, False, True, True),
        timed=By(3, 1, 3, 3),  # specialists that are trained once more, alone
        large_shape=dict(
            widths=By((6, 8, 12), (32, 64, 128, 256, 256), (32, 64, 128, 256, 256), (64, 128, 256, 512)), pool=True
        ),
        large=dict(epochs=By(1, 12, 12, 40), learning_rate=0.3, weight_decay=5e-4, **RESIDUAL),
        large_specialist=dict(epochs=By(1, 1, 1, 2), learning_rate=0.05, weight_decay=5e-4, **RESIDUAL),
        large_epoch_size=By(256, 25_600, 25_600, 40_960),
    ),
    "04_soft_targets": dict(
        data=("digits", "mnist"),
        slice=By((3, 10), None, None, None),
        digits=By((2000, 500), None, None, None),
        seeds=By(1, 3, 3, 5),
        width=By(16, 192, 192, 2560),
        depth=By(2, 8, 8, 8),
        whole=dict(epochs=By(1, 6, 6, 6), batch_size=512, learning_rate=By(2e-3, 2e-3, 2e-3, 3e-4)),
        copies=By(1, 3, 9, 9),
        temperatures=By((2.0, 5.0), (2.0, 5.0, 10.0), (2.0, 5.0, 10.0, 20.0), (2.0, 5.0, 10.0, 20.0)),
        changes=By(CHANGES, ("half weight on labels",), CHANGES, CHANGES),
        shares=By(SHARES, (3, 10, 100), SHARES, SHARES),
        part_epochs={
            1: By(1, 20, 20, 20),
            3: By(2, 20, 20, 20),
            10: By(1, 6, 6, 10),
            30: By(1, 2, 2, 4),
            100: By(1, 1, 1, 2),
        },
        part=dict(batch_size=By(64, 128, 128, 128), learning_rate=By(1e-3, 1e-3, 1e-3, 3e-4)),
        teacher=TEACHER,
        digit_width=By(32, 300, 300, 800),
        digit_epochs={
            1: By(1, 100, 100, 200),
            3: By(2, 60, 100, 200),
            10: By(1, 40, 40, 100),
            30: By(1, 20, 20, 60),
            100: By(1, 10, 10, 60),
        },
    ),
    "05_fitnets": dict(
        data=By(("mnist", *COLOURS.values()), ("mnist",), ("mnist", *COLOURS.values()), ("mnist", *COLOURS.values())),
        slice=By((600, 200), None, None, None),
        seeds=By(1, 3, 3, 5),
        teacher=dict(epochs=By(1, 3, 5, 20), learning_rate=2e-3, **ONE_CYCLE),
        published=dict(
            batch_size=128,
            learning_rate=5e-4,
            optimizer="rmsprop",
            epsilon=1e-5,
            decay="constant",
            max_norm=0.9,
        ),
        modern=dict(learning_rate=3e-3, **ONE_CYCLE),
        recipe_seeds={"published": By(1, 2, 5, 5), "modern": By(1, 3, 3, 5)},
        images=By(None, 30_000, None, None),
        epochs={"published": By((1, 1), (2, 8), (3, 11), (10, 40)), "modern": By((1, 1), (1, 2), (1, 2), (2, 8))},
        curriculum_images=By(200, 5_000, 10_000, 20_000),
        curriculum_epochs=By((1, 1), (3, 9), (3, 9), (3, 12)),
        few={
            "published": By((), (), (1000,), (300, 1000, 3000)),
            "modern": By((60, 120), (300, 1000), (300, 1000, 3000), (300, 1000, 3000)),
        },
        few_seeds=By(1, 2, 3, 5),
        few_steps=By((4, 6), (200, 400), (333, 667), (1000, 2000)),
        pairs=By(((2, 3), (3, 4)), ((2, 2), (3, 4)), PAIRS, PAIRS),
        pair_images=By(120, 1000, 1000, 1000),
        depths={
            "published": By((4, 6), (4, 10, 17), (4, 7, 10, 11, 12, 13, 17, 21), (4, 7, 10, 11, 12, 13, 17, 21)),
            "modern": By((4, 6), (4, 17), (4, 10, 13, 17), (4, 7, 10, 13, 17, 21)),
        },
        crossed_depths=By((6,), (), (17,), (13, 17, 21)),
        depth_images=By(200, 10_000, 20_000, 20_000),
        depth_budget=By(3_000, 30_000, 30_000, 30_000),
        depth_epochs=By((1, 1), (1, 5), (1, 5), (3, 12)),
        depth_seeds={"published": By(1, 2, 3, 5), "modern": By(1, 2, 3, 5)},
        thinner=By(16, 4, 4, 1),
        colours=By(COLOURS, {}, COLOURS, COLOURS),
        colour_images=By(200, None, None, None),
        colour=dict(batch_size=By(128, 64, 64, 128), learning_rate=By(3e-3, 2e-3, 2e-3, 3e-3)),
        colour_epochs=By((1, 1), (2, 8), (2, 8), (3, 12)),
        half_epochs=By((1, 1), (1, 4), (1, 4), (1, 6)),
        mirrored=By(True, False, False, True),
        colour_seeds=By(1, 2, 2, 5),
        timings=By(2, 5, 5, 5),
    ),
    "06_scorecard": dict(data=()),
}


def choose_profile(name: str = "auto", device: str = "auto") -> str:
    """`auto` reads KDREP_PROFILE, else takes `full` where the device is a GPU, `quick` elsewhere. Raises ValueError."""
    if name == "auto":
        name = setting("KDREP_PROFILE") or ("full" if choose_device(device) == "cuda" else "quick")
    if name not in PROFILES:
        raise ValueError(f"profile: must be one of auto, {', '.join(PROFILES)}, not {name!r}")
    return name


def profile_on(profile: str, real: bool) -> str:
    """The profile whose settings a notebook takes: where something stands in for its data `smoke`'s, for nobody wants
    an hour of training on that, unless $KDREP_STANDIN is `full`. Raises ValueError for another value."""
    wanted = setting("KDREP_STANDIN") or "smoke"
    if wanted not in ("smoke", "full"):
        raise ValueError(f"KDREP_STANDIN: must be smoke or full, or not set, not {wanted!r}")
    return profile if real or wanted == "full" or switch("KDREP_DRY") else "smoke"


def data_of(notebook: str, profile: str, corpus: str = "digits") -> tuple[str, ...]:
    """The data sets of a notebook in a profile; `corpus` takes the place of the spoken digits."""
    names = resolve(SETTINGS[notebook]["data"], PROFILES.index(profile))
    return tuple(corpus if name == "digits" else name for name in names)


def choose_device(name: str = "auto") -> str:
    """`auto` takes the GPU if there is one. Raises ValueError for a device that is not there."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in ("cpu", "cuda"):
        raise ValueError(f"device: must be auto, cpu or cuda, not {name!r}")
    if name == "cuda" and not torch.cuda.is_available():
        raise ValueError("device: cuda was asked for, but torch sees no GPU; use device='auto'")
    return name


def settings(notebook: str, profile: str, seeds: int | None = None) -> SimpleNamespace:
    """The settings of one notebook in one profile; `seeds` replaces every number of seeds."""
    if notebook not in SETTINGS:
        raise ValueError(f"notebook: must be one of {', '.join(SETTINGS)}, not {notebook!r}")
    chosen = resolve(SETTINGS[notebook], PROFILES.index(choose_profile(profile)))
    if switch("KDREP_DRY"):
        chosen = dry(chosen, resolve(SETTINGS[notebook], PROFILES.index("smoke")))
    if seeds is not None:
        if type(seeds) is not int or not 1 <= seeds <= 100:
            raise ValueError(f"seeds: must be a whole number between 1 and 100, not {seeds!r}")
        chosen |= {key: of_seeds(value, seeds) for key, value in chosen.items() if key.endswith("seeds")}
    return SimpleNamespace(**chosen)


def of_seeds(numbers: int | dict, seeds: int) -> int | dict:
    """A number of seeds, or one for each of several cases, replaced."""
    return dict.fromkeys(numbers, seeds) if isinstance(numbers, dict) else seeds


def dry(chosen: dict, smoke: dict) -> dict:
    """A profile's own nets with smoke's data, epochs and seeds: does every cell run at the real sizes?"""
    return {
        key: smoke[key] if any(word in str(key) for word in LENGTHS)
        else dry(value, smoke[key]) if isinstance(value, dict) else value
        for key, value in chosen.items()
    }  # fmt: skip


def resolve(value, column: int):
    """The setting with every By replaced by one column of it."""
    if isinstance(value, By):
        return value[column]
    if isinstance(value, dict):
        return {key: resolve(inner, column) for key, inner in value.items()}
    return value
