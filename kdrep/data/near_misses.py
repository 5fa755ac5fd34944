"""Data sets that lie where they are looked for, but under another name or in another form than those that are read."""

import contextlib
import shlex
from pathlib import Path
from typing import NamedTuple

# A file of each layout that is read, below the folder in which data sets are looked for.
LAYOUTS = {
    "mnist": ("MNIST/raw/train-images?idx3-ubyte*",),
    "cifar10": ("cifar-10-batches-py/data_batch_1", "cifar10/train-images.npy"),
    "cifar100": ("cifar-100-python/train", "cifar100/train-images.npy"),
    "digits": ("fsdd/recordings/*_*_*.wav",),
    "svhn": ("svhn/train_32x32.mat",),
    "speechcommands": ("SpeechCommands/speech_commands_v0.02/testing_list.txt",),
}


class Form(NamedTuple):
    """A usual other form: the pattern that finds it, what it is and what to do, unless what completes it is there.

    The last three may name {found}, {home} (the folder in which that lies) and {place} (where data are looked for).
    """

    pattern: str
    what: str
    remedy: str
    unless: str = ""


UNPACK = "unpack it: `tar -xzf {found} -C {place}`"
PYTHON = "the version for Python is read: get cifar-{n}-python.tar.gz of the publisher and unpack it in {place}"
TO_RAW = "move all four to {place}/MNIST/raw/"
FOUR = "put the publisher's four idx files (train-images-idx3-ubyte ...) into {place}/MNIST/raw/"
TO_RECORDINGS = "move its wav files to {place}/fsdd/recordings/"
UNPACK_RECORDINGS = "unpack it, and move the wav files of its folder recordings to {place}/fsdd/recordings/"
UNPACK_COMMANDS = (
    "unpack it: `mkdir -p {place}/SpeechCommands/speech_commands_v0.02 && "
    "tar -xzf {found} -C {place}/SpeechCommands/speech_commands_v0.02`"
)
CROPPED = "the cropped images are read: put train_32x32.mat and test_32x32.mat of the publisher into {place}/svhn/"


def cifar(classes: int, folder: str) -> tuple[Form, ...]:
    """The forms of one of the two sets, whose archive for Python unpacks to `folder`."""
    binary = "cifar-10-batches-bin" if classes == 10 else "cifar-100-binary"
    matlab = "cifar-10-batches-mat" if classes == 10 else "cifar-100-matlab"
    python, archive = PYTHON.replace("{n}", str(classes)), f"cifar-{classes}-python.tar.gz"
    packed = tuple(
        Form(pattern, "the publisher's archive, not unpacked", UNPACK) for pattern in (archive, f"*/{archive}")
    )
    return (
        *packed,
        *(Form(pattern, "the binary version", python) for pattern in (binary, f"*/{binary}")),
        *(Form(pattern, "the version for MATLAB", python) for pattern in (matlab, f"*/{matlab}")),
        Form(f"cifar-{classes}-binary.tar.gz", "the archive of the binary version", python),
        Form(f"cifar-{classes}-matlab.tar.gz", "the archive of the version for MATLAB", python),
        Form(folder, "a folder without the publisher's files", f"unpack {archive} of the publisher in {{place}}"),
    )


MNIST_NAME = "t*-*[-.]idx[13]-ubyte*"  # of any of the four files, also of mirrors that write a dot, or packed
FORMS = {
    "mnist": (
        *(
            Form(f"{folder}{MNIST_NAME}", f"files of MNIST {where}", TO_RAW)
            for folder, where in (
                ("", "outside of their folder"),
                ("MNIST/", "without their folder raw"),
                ("mnist/", "under another name"),
                ("mnist/raw/", "under another name"),
                ("MNIST/raw/*/", "one folder too deep"),
            )
        ),
        *(Form(f"{folder}mnist.npz", "Keras' form of MNIST, which is not read", FOUR) for folder in ("", "*/")),
        *(Form(f"{folder}[Mm][Nn][Ii][Ss][Tt]*.zip", "an archive that is not read", FOUR) for folder in ("", "*/")),
        Form("MNIST/processed/training.pt", "what an old torchvision made of MNIST, which is not read", FOUR),
    ),
    "cifar10": cifar(10, "cifar-10-batches-py"),
    "cifar100": cifar(100, "cifar-100-python"),
    "digits": (
        *(
            Form(f"{folder}*free-spoken-digit-dataset*/recordings", "the recordings under another name", TO_RECORDINGS)
            for folder in ("", "*/")
        ),
        Form("fsdd/*/recordings", "the recordings one folder too deep", TO_RECORDINGS),
        Form("[Ff][Ss][Dd][Dd]/[0-9]_*_*.wav", "recordings without their folder recordings",
             "move all to {place}/fsdd/recordings/"),
        Form("FSDD/recordings", "the recordings under another name", TO_RECORDINGS),
        Form("recordings/[0-9]_*_*.wav", "recordings outside of the folder fsdd", "move {home} to {place}/fsdd/"),
        Form("[0-9]_*_*.wav", "recordings outside of their folder", "move all to {place}/fsdd/recordings/"),
        *(
            Form(f"{folder}{archive}.{packed}", "an archive of the recordings, not unpacked", UNPACK_RECORDINGS)
            for folder in ("", "fsdd/")
            for archive in ("v1.0.10", "*free-spoken-digit-dataset*", "fsdd*")
            for packed in ("zip", "tar*", "tgz")
        ),
        Form("fsdd/recordings", "a folder without recordings",
             "put the publisher's 3,000 there, named {{digit}}_{{speaker}}_{{take}}.wav"),
    ),
    "svhn": (
        Form("svhn/train_32x32.mat", "only one of the two files", "put test_32x32.mat of the publisher beside it",
             unless="svhn/test_32x32.mat"),
        Form("svhn/test_32x32.mat", "only one of the two files", "put train_32x32.mat of the publisher beside it",
             unless="svhn/train_32x32.mat"),
        Form("t*_32x32.mat", "SVHN outside of its folder", "move it and the other one to {place}/svhn/"),
        Form("SVHN/t*_32x32.mat", "SVHN under another name", "rename the folder to {place}/svhn"),
        *(
            Form(f"{folder}{name}", "SVHN's full-size images, which are not read", CROPPED)
            for folder in ("", "svhn/", "SVHN/")
            for name in ("train.tar.gz", "test.tar.gz", "train/digitStruct.mat", "test/digitStruct.mat")
        ),
    ),
    "speechcommands": (
        Form("SpeechCommands/speech_commands_v0.02/zero", "the words' folders without the publisher's testing_list.txt",
             "copy that from the archive to {home}/: it says which recordings are for tests",
             unless="SpeechCommands/speech_commands_v0.02/testing_list.txt"),
        *(
            Form(f"{folder}speech_commands_v0.02.t*gz", "the publisher's archive, not unpacked", UNPACK_COMMANDS)
            for folder in ("", "*/", "*/*/")
        ),
        *(
            Form(f"{folder}speech_commands_v0.01*", "version 0.01",
                 "version 0.02 is read: get speech_commands_v0.02.tar.gz of the publisher, and unpack it in "
                 "{place}/SpeechCommands/speech_commands_v0.02/")
            for folder in ("", "SpeechCommands/")
        ),
        *(
            Form(f"{folder}zero/*_nohash_*.wav", "a word's folder at another place",
                 "move all words' folders and testing_list.txt to {place}/SpeechCommands/speech_commands_v0.02/")
            for folder in ("", "SpeechCommands/", "speech_commands*/")
        ),
        Form("*speech_commands_test_set*", "the publisher's test set alone, which is not read",
             "get speech_commands_v0.02.tar.gz, and unpack it in {place}/SpeechCommands/speech_commands_v0.02/"),
    ),
}  # fmt: skip


def near_miss(name: str, places: list[Path]) -> str | None:
    """What lies at the places instead of a data set that was not found there, and what to do; None if nothing does.

    `name` is one of mnist, cifar10, cifar100, digits, svhn, speechcommands.
    """
    for place in places:
        if said := inside(name, place) or below(name, place) or other_form(name, place):
            return said
    return None


def first(place: Path, pattern: str) -> Path | None:
    """The first path below a folder that fits, None if none does or it may not be seen."""
    with contextlib.suppress(OSError):
        return min(place.glob(pattern), default=None)
    return None


def inside(name: str, place: Path) -> str | None:
    """Whether the place is the data set itself, or a folder within it, and not the one that holds it."""
    own = place.absolute().parts
    for parts in (layout.split("/") for layout in LAYOUTS[name]):
        for depth in range(1, len(parts)):
            if list(own[-depth:]) == parts[:depth] and first(place, "/".join(parts[depth:])):
                above = place.absolute().parents[depth - 1]
                return f"{place}: this is the data set itself; name the folder that holds it, {above} (KDREP_DATA)"
    return None


def below(name: str, place: Path) -> str | None:
    """Whether the data set lies one folder too deep."""
    for layout in LAYOUTS[name]:
        if found := first(place, f"*/{layout}"):
            holder = found.parents[layout.count("/")]
            own = holder / layout.split("/")[0]
            return f"{own}: one folder too deep; move it to {place}, or name {holder} (KDREP_DATA)"
    return None


def other_form(name: str, place: Path) -> str | None:
    """Whether the data set is there in a form that is known but not read."""
    for form in FORMS[name]:
        found = first(place, form.pattern)
        if found and not (form.unless and first(place, form.unless)):
            paths = {"found": found, "home": found.parent, "place": place}
            quoted = {key: shlex.quote(str(path)) for key, path in paths.items()}
            return f"{found}: {form.what}; {form.remedy.format(**quoted)}"
    return None
