"""Recordings: WAV files, read and checked."""

import io
import wave
from pathlib import Path

import numpy as np
import torch
from torchaudio.functional import resample

from kdrep.data.datasets import DataError
from kdrep.data.reading import read_bytes

SHORTEST = 0.05  # seconds that a recording must last
RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)  # of recordings in use
MOST_CHANNELS = 8


def read_wave(path: Path, rate: int) -> torch.Tensor:
    """Samples (n,) int16 of a 16-bit PCM file, at `rate` Hz.

    Channels are averaged and another sampling rate is converted; clipped samples stay as they are. Raises
    DataError, with the file's name, if it is no such file, is truncated, shorter than 50 ms, or silent throughout.
    """
    whole = read_bytes(path)
    try:
        with wave.open(io.BytesIO(whole)) as file:
            channels, width, found_rate, count = file.getparams()[:4]
            content = file.readframes(count)
    except (OSError, EOFError, wave.Error, ValueError, RuntimeError, OverflowError, MemoryError) as error:
        what = str(error) or type(error).__name__
        raise DataError(f"{path}: no readable WAV file ({what}); copy the publisher's file there") from error
    if found_rate not in RATES or not 1 <= channels <= MOST_CHANNELS:
        raise DataError(
            f"{path}: {found_rate:,} Hz and {channels} channels are no recording's; copy the publisher's file there"
        )
    if width != 2:
        raise DataError(f"{path}: 16-bit samples are needed, not {8 * width}-bit ones; convert it")
    if len(content) != 2 * channels * count:
        raise DataError(f"{path}: truncated: {len(content)} of {2 * channels * count} bytes; copy it again")
    samples = np.frombuffer(content, dtype="<i2").reshape(-1, channels)
    return checked_wave(mixed(samples, found_rate, rate), rate, str(path))


def mixed(samples: np.ndarray, found_rate: int, rate: int) -> torch.Tensor:
    """Samples (n, channels) int16 as one channel (n,) int16 at `rate`."""
    if samples.shape[1] == 1 and found_rate == rate:
        return torch.from_numpy(samples[:, 0].astype(np.int16))
    mono = torch.from_numpy(samples.astype(np.float32)).mean(1)
    return resample(mono, found_rate, rate).round().clamp(-(2**15), 2**15 - 1).to(torch.int16)


def checked_wave(samples: torch.Tensor, rate: int, name: str) -> torch.Tensor:
    """The samples, if they last long enough and are not silent throughout."""
    if len(samples) < SHORTEST * rate:
        raise DataError(f"{name}: {len(samples)} samples are no recording of a word; record or copy it again")
    if not bool((samples != samples[0]).any()):
        raise DataError(f"{name}: silent throughout; record or copy it again")
    return samples
