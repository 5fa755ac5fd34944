"""A simple deterministic formant synthesiser of the ten digits: the stand-in where no recordings can be had."""

import numpy as np
import torch
from scipy.signal import lfilter

from kdrep.data.lexicon import PRONUNCIATIONS

SAMPLE_RATE = 8000
# Formants in Hz, share of voicing, loudness and length in ms; rough textbook values, good enough to tell apart.
PHONES = {
    "Z": ((200, 1600, 3200), 0.4, 0.3, 80), "IH": ((390, 1990, 2550), 1.0, 0.9, 70),
    "R": ((420, 1300, 1600), 1.0, 0.6, 60), "OW": ((500, 900, 2400), 1.0, 1.0, 150),
    "W": ((290, 610, 2150), 1.0, 0.6, 60), "AH": ((640, 1190, 2390), 1.0, 1.0, 110),
    "N": ((250, 1500, 2500), 1.0, 0.4, 90), "T": ((900, 2600, 3600), 0.0, 0.5, 50),
    "UW": ((300, 870, 2240), 1.0, 0.9, 150), "TH": ((1400, 2400, 3500), 0.0, 0.15, 80),
    "IY": ((270, 2290, 3010), 1.0, 0.9, 150), "F": ((1100, 2100, 3300), 0.0, 0.12, 90),
    "AO": ((570, 840, 2410), 1.0, 1.0, 130), "AY": ((700, 1600, 2500), 1.0, 1.0, 170),
    "V": ((220, 1100, 2300), 0.7, 0.3, 60), "S": ((1900, 2900, 3700), 0.0, 0.4, 110),
    "K": ((700, 1800, 2600), 0.0, 0.4, 50), "EH": ((530, 1840, 2480), 1.0, 1.0, 90),
    "EY": ((450, 2100, 2700), 1.0, 1.0, 150),
}  # fmt: skip


def speak(word: str, *, speaker: int, take: int) -> torch.Tensor:
    """Samples (n,) int16 at 8 kHz of one word by one of any number of voices."""
    voice = np.random.default_rng([17, speaker])
    tract, pitch, tempo = voice.uniform(0.85, 1.15), voice.uniform(90, 220), voice.uniform(0.85, 1.2)
    generator = np.random.default_rng([23, speaker, take, list(PRONUNCIATIONS).index(word)])
    phones = PRONUNCIATIONS[word].split()
    parts = [sound(phone, tract, pitch * generator.normal(1, 0.04), tempo, generator) for phone in phones]
    samples = np.concatenate(parts) + generator.normal(0, 0.003, sum(map(len, parts)))
    loudness = generator.uniform(0.3, 0.8) / np.abs(samples).max()
    return torch.from_numpy((samples * loudness * (2**15 - 1)).astype(np.int16))


def sound(phone: str, tract: float, pitch: float, tempo: float, generator: np.random.Generator) -> np.ndarray:
    """One phone: pulses and noise through three resonances."""
    formants, voicing, loudness, milliseconds = PHONES[phone]
    count = int(SAMPLE_RATE * milliseconds * tempo * generator.uniform(0.8, 1.25) / 1000)
    pulses = (np.diff(np.floor(np.arange(count + 1) * pitch / SAMPLE_RATE)) > 0) * 8.0
    samples = voicing * pulses + (1 - voicing) * generator.normal(0, 1, count)
    for formant in formants:
        frequency = min(formant * tract * generator.normal(1, 0.03), 0.47 * SAMPLE_RATE)
        radius = np.exp(-np.pi * 120 / SAMPLE_RATE)
        samples = lfilter(
            [1 - radius], [1, -2 * radius * np.cos(2 * np.pi * frequency / SAMPLE_RATE), radius**2], samples
        )
    samples /= np.sqrt(np.mean(samples**2)) + 1e-9
    return loudness * samples * np.minimum(1, np.minimum(np.arange(count), np.arange(count)[::-1]) / 40)
