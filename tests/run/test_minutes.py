"""The estimate's arithmetic, and the schedule of jobs on more cores."""

import itertools
import math

import pytest
import torch

from kdrep.run import minutes
from kdrep.run.minutes import START, Minutes, estimated, in_words, scheduled
from kdrep.run.profiles import PROFILES, SETTINGS


@pytest.fixture
def known(monkeypatch):
    """A notebook of ten minutes in bfloat16 and thirty in float32, a fifth of which no core shortens."""
    monkeypatch.setattr(minutes, "MINUTES", {"quick": {"01_mnist": Minutes(10.0, 30.0, 0.2)}})


def test_minutes_scale_with_the_product_and_the_cores(known):
    def of(precision, slower, cores):
        return estimated("01_mnist", "quick", precision, slower, cores) - START

    assert of(torch.bfloat16, 1.0, 2) == pytest.approx(10)
    assert of(torch.float32, 1.0, 2) == pytest.approx(30)
    assert of(torch.float32, 2.0, 2) == pytest.approx(60)
    assert of(torch.bfloat16, 1.0, 8) == pytest.approx(10 * (0.2 + 0.8 / 4))
    assert of(torch.bfloat16, 2.0, 1) == pytest.approx(20)  # a product on one core takes twice as long already
    assert math.isnan(estimated("02_speech", "quick", torch.float32, 1.0, 2))


def test_slowness_is_a_ratio_of_products(monkeypatch):
    monkeypatch.setattr(minutes, "product_speed", lambda precision, device: 95.0)
    assert minutes.slowness(torch.float32) == pytest.approx(2.0)
    monkeypatch.setattr(minutes, "product_speed", lambda precision, device: 1660.0)
    assert minutes.slowness(torch.bfloat16) == pytest.approx(0.5)


def test_a_schedule_is_the_shortest_of_its_order():
    assert scheduled([(1, [3, 1, 2])], 1) == 6
    assert scheduled([(1, [3, 1, 2])], 2) == 3
    assert scheduled([(1, [3, 1, 2])], 16) == 3
    assert scheduled([(2, [3, 1, 2])], 2) == 6  # jobs of two threads, one after another
    assert scheduled([(2, [3, 1, 2])], 4) == 3
    assert scheduled([(2, [5]), (1, [4, 4, 4, 4])], 2) == 5 + 8
    assert scheduled([(2, [3])], 1) == 3  # a core that two threads share is counted as one that is enough
    for order in itertools.permutations([5, 4, 3, 2, 1]):
        assert 15 / 2 <= scheduled([(1, order)], 2) <= 15 / 2 + 5 / 2


def test_every_notebook_of_the_cpu_profiles_has_its_minutes():
    for profile in PROFILES[:3]:
        assert minutes.MINUTES[profile].keys() == SETTINGS.keys()


def test_minutes_are_said_in_words():
    assert [in_words(m) for m in (0.4, 1.2, 12.6, 200, math.nan)] == [
        "under a minute", "1 minute", "13 minutes", "3.3 hours", "unknown",
    ]  # fmt: skip
