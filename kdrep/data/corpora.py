"""Speech corpora: recordings of single spoken words, found, downloaded, verified, or stood in for."""

import hashlib
import posixpath
from collections.abc import Iterable
from pathlib import Path

import torch

from kdrep.data.datasets import Corpus, DataError
from kdrep.data.download import downloading, fetch_from, put_in_place, unpack
from kdrep.data.find import TITLES, folders, obtain
from kdrep.data.lexicon import DIGITS
from kdrep.data.near_misses import near_miss
from kdrep.data.reading import is_there, names_in, read_bytes
from kdrep.data.synthesiser import SAMPLE_RATE as SYNTHETIC_RATE
from kdrep.data.synthesiser import speak
from kdrep.data.waves import read_wave
from kdrep.environment import switch

FSDD_URL = "https://github.com/Jakobovski/free-spoken-digit-dataset/archive/refs/tags/v1.0.10.tar.gz"
FSDD_BYTES = 16_000_000  # of the archive, about
FSDD_SHA256 = "c8561bca57f668363317b9a5c554392cae37561fa99077368d9a9f32b9618584"
FSDD_SPEAKERS = ("george", "jackson", "lucas", "nicolas", "theo", "yweweler")
FSDD_NAMES = {f"{digit}_{name}_{take}.wav" for digit in range(10) for name in FSDD_SPEAKERS for take in range(50)}
FSDD_RATE = 8000
COMMANDS = "SpeechCommands/speech_commands_v0.02"
COMMANDS_URL = "http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz"
COMMANDS_BYTES = 2_428_923_189
COMMANDS_SHA256 = "af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58"  # torchaudio's, of the archive
COMMANDS_RATE = 16000
COMMANDS_COUNT = 38_908  # recordings of the digits (Warden 2018, table 1)
TEST_LIST = "testing_list.txt"
STAND_IN = "embedded-speech"


def load_spoken_digits(data_dir: str | Path | None = None, *, download: bool = True) -> Corpus:
    """The Free Spoken Digit Dataset (Jackson et al., v1.0.10) from disk, else downloaded, else synthetic digits.

    Its test part are takes 0 to 4 of every speaker and digit. Raises DataError if a file is there and damaged.
    """
    fetch = download_spoken_digits if download else None
    return obtain("digits", folders(data_dir), spoken_digits_in, fetch, synthetic_digits)


def spoken_digits_in(folder: Path) -> Corpus | None:
    """The recordings in a folder, None if there is none."""
    recordings = folder / "fsdd" / "recordings"
    return read_spoken_digits(recordings) if recordings_in(recordings) else None


def recordings_in(folder: Path) -> list[str]:
    """The names of the recordings in a folder, sorted; what a system or an editor hides among them is none."""
    return [name for name in names_in(folder) if name.lower().endswith(".wav")]


def read_spoken_digits(folder: Path) -> Corpus:
    """All recordings `{digit}_{speaker}_{take}.wav` of a folder, checked against the published content."""
    names = recordings_in(folder)
    check_names(folder, names)
    waves = tuple(read_wave(folder / name, FSDD_RATE) for name in names)
    digest = hashlib.sha256()
    for name, samples in zip(names, waves, strict=True):
        digest.update(name.encode() + samples.numpy().tobytes())
    if digest.hexdigest() != FSDD_SHA256:
        raise DataError(
            f"{folder}: the samples of some of the recordings are not those of version 1.0.10; copy the publisher's "
            f"recordings there, or move {folder} away and run `make data`"
        )
    digits, speakers, takes = zip(*(name.removesuffix(".wav").split("_") for name in names), strict=True)
    test = torch.tensor([int(take) < 5 for take in takes])
    words = tuple(DIGITS[int(digit)] for digit in digits)
    return Corpus("spoken-digits", FSDD_RATE, waves, words, speakers, test, True, "the publisher's recordings")


def check_names(folder: Path, names: list[str]) -> None:
    """Raise DataError, which names some of those that are missing or too many, if these are not all recordings."""
    missing, strange = sorted(FSDD_NAMES - set(names)), sorted(set(names) - FSDD_NAMES)
    if not missing and not strange:
        return
    parts = []
    if missing:
        parts.append(
            f"missing are {some(missing)}: copy them from the publisher's archive, or move {folder} away and run "
            "`make data`"
        )
    if strange:
        parts.append(f"none of the publisher's are {some(strange)}: move them elsewhere")
    raise DataError(f"{folder}: {len(FSDD_NAMES)} recordings are expected, {len(names)} are there; {'; '.join(parts)}")


def some(names: list[str], most: int = 3) -> str:
    """The first few of the names, and how many more there are."""
    more = f" and {len(names) - most:,} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more


def download_spoken_digits(folder: Path) -> Corpus:
    """Download the publisher's archive into `folder`: aside, verified, then renamed."""
    with downloading(TITLES["digits"], FSDD_BYTES, folder) as (aside, count):
        fetch_from([FSDD_URL], aside / "fsdd.tar.gz", count)
        unpack(aside / "fsdd.tar.gz", aside)
        (recordings,) = aside.glob("*/recordings")
        corpus = read_spoken_digits(recordings)
        put_in_place(recordings, folder / "fsdd" / "recordings")
    return corpus


def load_speech_commands(data_dir: str | Path | None = None, *, download: bool = False) -> Corpus:
    """The spoken digits of Speech Commands v0.02 (Warden 2018), with its own list of test files.

    Downloaded (2.4 GB) only on request. Raises DataError if it is nowhere, in another form, damaged or barred.
    """
    places = folders(data_dir)
    for place in places:
        if is_there(place / COMMANDS / TEST_LIST):
            return read_speech_commands(place)
    target = places[-1] / COMMANDS
    near = near_miss("speechcommands", places)
    if not download or switch("KDREP_OFFLINE") or names_in(target):
        raise DataError(
            f"{target}: no Speech Commands here{f', but {near}' if near else ''}; download it with "
            "`kdrep.data.corpora.load_speech_commands(download=True)`, or unpack the publisher's archive there"
        )
    try:
        download_speech_commands(places[-1])
    except OSError as error:
        raise DataError(
            f"Speech Commands was not downloaded ({type(error).__name__}: {error}); try again with a network, or "
            f"unpack the publisher's archive in {target}"
        ) from error
    return read_speech_commands(places[-1])


def download_speech_commands(folder: Path) -> None:
    """Download the publisher's archive into `folder`: aside, verified, then renamed."""
    with downloading(TITLES["speechcommands"], COMMANDS_BYTES, folder) as (aside, count):
        fetch_from([COMMANDS_URL], aside / "commands.tar.gz", count, ("sha256", COMMANDS_SHA256))
        unpack(aside / "commands.tar.gz", aside / "unpacked")
        put_in_place(aside / "unpacked", folder / COMMANDS)


def read_speech_commands(folder: Path) -> Corpus:
    """The digits among the recordings in torchaudio's layout under `folder`."""
    root = folder / COMMANDS
    names = [f"{word}/{name}" for word in DIGITS for name in recordings_in(root / word) if "_nohash_" in name]
    if not names:
        raise DataError(f"{root}: no recordings of the words {', '.join(DIGITS)}; unpack the archive again")
    marked = read_test_list(root / TEST_LIST, names)
    waves = tuple(read_wave(root / name, COMMANDS_RATE) for name in names)
    words, files = zip(*(name.split("/") for name in names), strict=True)
    speakers = tuple(file.split("_")[0] for file in files)
    test = torch.tensor([name in marked for name in names])
    whole = len(names) == COMMANDS_COUNT
    name, origin = ("speech-commands", "") if whole else ("speech-commands-slice", "a part of ")
    return Corpus(
        name, COMMANDS_RATE, waves, words, speakers, test, whole, f"{origin}the publisher's recordings"
    )  # fmt: skip


def read_test_list(path: Path, names: Iterable[str]) -> set[str]:
    """Those of the recordings, `word/file.wav` each, that a list marks as the test part.

    Raises DataError, with list and line, for a line that is no such name or names a digit's recording that is not
    there, and for a list that marks none of them or all. Lines on other words do not matter, nor do line ends,
    backslashes, a leading `./` or a byte order mark.
    """
    cure = "copy the publisher's testing_list.txt there; of a part of the corpus, the list may name that part only"
    try:
        lines = read_bytes(path).decode("utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise DataError(f"{path}: no text in UTF-8 ({error}); {cure}") from error
    listed = {i: normal(line) for i, line in enumerate(lines, 1) if line.strip()}
    there = set(names)
    wrong = {i: name for i, name in listed.items() if matters(name) and name not in there}
    if wrong:
        number, name = next(iter(wrong.items()))
        raise DataError(
            f"{path}: line {number} names {name!r}, and no such recording is there: so with {len(wrong):,} of its "
            f"{len(listed):,} lines; unpack the archive again, or {cure}"
        )
    marked = there & set(listed.values())
    if not marked or marked == there:
        what = "all" if marked else "none"
        raise DataError(
            f"{path}: marks {what} of the {len(there):,} recordings as tests, in {len(listed):,} lines; {cure}"
        )
    return marked


def normal(line: str) -> str:
    """A line of a list, as `word/file.wav`."""
    return posixpath.normpath(line.strip().replace("\\", "/"))


def matters(name: str) -> bool:
    """Whether a listed name has to be there: a digit's recording, or what is no `word/file.wav` at all."""
    word, _, file = name.partition("/")
    return word.lower() in DIGITS or not file or "/" in file


CORPORA = {"digits": load_spoken_digits, "speechcommands": load_speech_commands}


def synthetic_digits(speakers: int = 6, takes: int = 10) -> Corpus:
    """Stand-in that needs no network: the digits as a simple formant synthesiser speaks them."""
    keys = [(s, word, take) for s in range(speakers) for word in DIGITS for take in range(takes)]
    waves = tuple(speak(word, speaker=s, take=take) for s, word, take in keys)
    words, names = tuple(k[1] for k in keys), tuple(f"voice{k[0]}" for k in keys)
    test = torch.tensor([take < max(1, takes // 10) for *_, take in keys])
    return Corpus(STAND_IN, SYNTHETIC_RATE, waves, words, names, test, False, "a deterministic synthesiser")
