"""Speech corpora: recordings of single spoken words, found, downloaded, verified, or stood in for."""

import hashlib
import os
import tarfile
import tempfile
import urllib.request
import wave
import zlib
from pathlib import Path

import numpy as np
import torch
from torchaudio.datasets import SPEECHCOMMANDS
from torchaudio.functional import resample

from kdrep.data.datasets import Corpus, DataError
from kdrep.data.find import folders, obtain, quick_to_give_up
from kdrep.data.lexicon import DIGITS
from kdrep.data.synthesiser import SAMPLE_RATE as SYNTHETIC_RATE
from kdrep.data.synthesiser import speak

FSDD_URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz"
FSDD_SHA256 = "c8561bca57f668363317b9a5c554392cae37561fa99077368d9a9f32b9618584"
FSDD_COUNT = 3000
FSDD_RATE = 8000
COMMANDS = "SpeechCommands/speech_commands_v0.02"
COMMANDS_RATE = 16000
COMMANDS_COUNT = 38_908  # recordings of the digits (Warden 2018, table 1)
SHORTEST = 0.05  # seconds that a recording must last
RATES = (8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000)  # of recordings in use
MOST_CHANNELS = 8
STAND_IN = "embedded-speech"


def load_spoken_digits(data_dir: str | Path | None = None, *, download: bool = True) -> Corpus:
    """The Free Spoken Digit Dataset (Jackson et al., v1.0.10) from disk, else downloaded, else synthetic digits.

    Its test part are takes 0 to 4 of every speaker and digit. Raises DataError if a file is there and damaged.
    """
    fetch = download_spoken_digits if download else None
    return obtain("the Free Spoken Digit Dataset", folders(data_dir), spoken_digits_in, fetch, synthetic_digits)


def spoken_digits_in(folder: Path) -> Corpus | None:
    """The recordings in a folder, None if they are not there."""
    recordings = folder / "fsdd" / "recordings"
    return read_spoken_digits(recordings) if recordings.is_dir() else None


def read_spoken_digits(folder: Path) -> Corpus:
    """All recordings `{digit}_{speaker}_{take}.wav` of a folder, checked against the published content."""
    remedy = f"delete {folder} and run `make data`, or copy the publisher's recordings there"
    paths = sorted(folder.glob("*.wav"))
    if len(paths) != FSDD_COUNT:
        raise DataError(f"{folder}: {FSDD_COUNT} recordings are expected, not {len(paths)}; {remedy}")
    waves = tuple(read_wave(path, FSDD_RATE) for path in paths)
    digest = hashlib.sha256()
    for path, samples in zip(paths, waves, strict=True):
        digest.update(path.name.encode() + samples.numpy().tobytes())
    if digest.hexdigest() != FSDD_SHA256:
        raise DataError(f"{folder}: the recordings are not those of version 1.0.10; {remedy}")
    digits, speakers, takes = zip(*(path.stem.split("_") for path in paths), strict=True)
    test = torch.tensor([int(take) < 5 for take in takes])
    words = tuple(DIGITS[int(digit)] for digit in digits)
    return Corpus("spoken-digits", FSDD_RATE, waves, words, speakers, test, True, "the publisher's recordings")


def download_spoken_digits(folder: Path) -> Corpus:
    """Download the publisher's archive into `folder`: aside, verified, then renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix="download-") as aside, quick_to_give_up():
        archive, _ = urllib.request.urlretrieve(FSDD_URL, Path(aside) / "fsdd.tar.gz")
        try:
            with tarfile.open(archive) as packed:
                packed.extractall(aside, filter="data")
            (recordings,) = Path(aside).glob("*/recordings")
            corpus = read_spoken_digits(recordings)
        except (DataError, tarfile.TarError, zlib.error, EOFError, ValueError) as error:
            raise OSError(f"what {FSDD_URL} gave is not the publisher's archive") from error
        target = folder / "fsdd" / "recordings"
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            os.replace(recordings, target)
    return corpus


def load_speech_commands(data_dir: str | Path | None = None, *, download: bool = False) -> Corpus:
    """The spoken digits of Speech Commands v0.02 (Warden 2018), with its own list of test files.

    Downloaded (2.4 GB) only on request. Raises DataError if it is nowhere.
    """
    places = folders(data_dir)
    for place in places:
        if (place / COMMANDS / "testing_list.txt").exists():
            return read_speech_commands(place)
    if not download:
        raise DataError(
            f"{places[-1] / COMMANDS}: no Speech Commands here; download it with "
            "`kdrep.data.corpora.load_speech_commands(download=True)`, or unpack the publisher's archive there"
        )
    places[-1].mkdir(parents=True, exist_ok=True)
    SPEECHCOMMANDS(places[-1], download=True)
    return read_speech_commands(places[-1])


def read_speech_commands(folder: Path) -> Corpus:
    """The digits among the recordings in torchaudio's layout under `folder`."""
    root = folder / COMMANDS
    test_files = set((root / "testing_list.txt").read_text(encoding="utf-8").split())
    paths = [path for word in DIGITS for path in sorted((root / word).glob("*_nohash_*.wav"))]
    if not paths:
        raise DataError(f"{root}: no recordings of the words {', '.join(DIGITS)}; unpack the archive again")
    names = [path.relative_to(root).as_posix() for path in paths]
    waves = tuple(read_wave(path, COMMANDS_RATE) for path in paths)
    test = torch.tensor([name in test_files for name in names])
    speakers = tuple(path.stem.split("_")[0] for path in paths)
    words = tuple(path.parent.name for path in paths)
    whole = len(paths) == COMMANDS_COUNT
    name, origin = ("speech-commands", "") if whole else ("speech-commands-slice", "a part of ")
    return Corpus(
        name, COMMANDS_RATE, waves, words, speakers, test, whole, f"{origin}the publisher's recordings"
    )  # fmt: skip


CORPORA = {"digits": load_spoken_digits, "speechcommands": load_speech_commands}


def read_wave(path: Path, rate: int) -> torch.Tensor:
    """Samples (n,) int16 of a 16-bit PCM file, at `rate` Hz.

    Channels are averaged and another sampling rate is converted; clipped samples stay as they are. Raises
    DataError, with the file's name, if it is no such file, is truncated, shorter than 50 ms, or silent throughout.
    """
    try:
        with wave.open(str(path)) as file:
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


def synthetic_digits(speakers: int = 6, takes: int = 10) -> Corpus:
    """Stand-in that needs no network: the digits as a simple formant synthesiser speaks them."""
    keys = [(s, word, take) for s in range(speakers) for word in DIGITS for take in range(takes)]
    waves = tuple(speak(word, speaker=s, take=take) for s, word, take in keys)
    words, names = tuple(k[1] for k in keys), tuple(f"voice{k[0]}" for k in keys)
    test = torch.tensor([take < max(1, takes // 10) for *_, take in keys])
    return Corpus(STAND_IN, SYNTHETIC_RATE, waves, words, names, test, False, "a deterministic synthesiser")
