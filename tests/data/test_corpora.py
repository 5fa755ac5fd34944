"""The speech corpora: the publisher's layouts, the stand-in, and what becomes of damaged recordings."""

import os
import wave
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from kdrep.data import corpora
from kdrep.data.datasets import DataError, describe
from kdrep.data.lexicon import DIGITS
from kdrep.experiments.soft_targets import training as soft_targets
from kdrep.experiments.speech import training as acoustic
from kdrep.learning.training import Recipe


def write(path, samples, rate=8000, channels=1, width=2):
    path.parent.mkdir(parents=True, exist_ok=True)
    with wave.open(str(path), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(width)
        file.setframerate(rate)
        file.writeframes(np.asarray(samples).astype({1: np.uint8, 2: "<i2"}[width]).tobytes())
    return path


def tone(count=4000, rate=8000):
    return (8000 * np.sin(2 * np.pi * 440 * np.arange(count) / rate)).astype(np.int16)


def test_a_recording_is_read_as_it_is(tmp_path):
    samples = tone()
    assert corpora.read_wave(write(tmp_path / "a.wav", samples), 8000).numpy().tolist() == samples.tolist()


@pytest.mark.parametrize(
    ("samples", "message"),
    [([], "no recording"), (np.zeros(4000), "silent"), (np.full(4000, 77), "silent"), (tone(100), "no recording")],
)
def test_empty_and_silent_recordings_are_refused(tmp_path, samples, message):
    with pytest.raises(DataError, match=f"a.wav.*{message}"):
        corpora.read_wave(write(tmp_path / "a.wav", samples), 8000)


def test_truncated_and_foreign_files_are_refused(tmp_path):
    path = write(tmp_path / "a.wav", tone())
    path.write_bytes(path.read_bytes()[:-1001])
    with pytest.raises(DataError, match=r"a\.wav: truncated"):
        corpora.read_wave(path, 8000)
    path.write_bytes(b"no sound")
    with pytest.raises(DataError, match=r"a\.wav: no readable WAV"):
        corpora.read_wave(path, 8000)
    with pytest.raises(DataError, match="16-bit"):
        corpora.read_wave(write(path, np.arange(4000) % 256, width=1), 8000)


def said_of(path):
    """What is said of a recording that cannot be read, None if it can."""
    try:
        corpora.read_wave(path, 8000)
    except DataError as error:
        return str(error)


@pytest.mark.parametrize("place", range(46))
def test_a_recording_with_a_damaged_head_is_named_or_read(tmp_path, place):
    path = write(tmp_path / "a.wav", tone())
    whole = path.read_bytes()
    for byte in (0, 1, 63, 127, 128, 255):
        path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
        said = said_of(path)
        assert said is None or (said.startswith(f"{path}: ") and "()" not in said)


def test_stereo_is_averaged_and_another_rate_converted(tmp_path):
    samples = tone()
    stereo = write(tmp_path / "s.wav", np.stack([samples, np.zeros_like(samples)], 1), channels=2)
    assert corpora.read_wave(stereo, 8000).numpy() == pytest.approx(samples / 2, abs=1)
    fast = corpora.read_wave(write(tmp_path / "f.wav", tone(8000, 16000), rate=16000), 8000)
    assert len(fast) == 4000
    assert np.corrcoef(fast[200:-200].numpy(), samples[200:-200])[0, 1] > 0.99


def test_clipped_recordings_are_kept_as_they_are(tmp_path):
    loud = np.clip(tone().astype(int) * 9, -(2**15), 2**15 - 1)
    read = corpora.read_wave(write(tmp_path / "c.wav", loud), 8000)
    assert read.numpy() == pytest.approx(loud)


def test_an_incomplete_corpus_is_refused_with_the_remedy(tmp_path):
    write(tmp_path / "fsdd" / "recordings" / "0_theo_0.wav", tone())
    with pytest.raises(DataError, match=r"3000 recordings are expected, not 1; delete"):
        corpora.load_spoken_digits(tmp_path, download=False)


def test_without_recordings_a_labelled_stand_in_takes_their_place(tmp_path):
    corpus = corpora.load_spoken_digits(tmp_path, download=False)
    assert corpus.name == "embedded-speech"
    assert not corpus.real
    assert "STAND-IN" in describe(corpus)
    assert corpus.checksum == corpora.synthetic_digits().checksum
    assert len(set(corpus.speakers)) == 6
    assert set(corpus.words) == set(DIGITS)


def test_a_slice_is_no_longer_the_real_thing():
    part = corpora.synthetic_digits(speakers=3, takes=3).head(2, 1)
    assert len(part) == 20
    assert not part.real
    assert part.name.endswith("-slice")


def test_a_slice_takes_more_speakers_where_they_say_little():
    whole = corpora.synthetic_digits(speakers=5, takes=2)
    tested = torch.tensor([speaker == "voice3" for speaker in whole.speakers])
    part = replace(whole, official_test=tested).head(2, 3)
    assert set(part.speakers) == {"voice0", "voice3", "voice1"}
    assert len(part) == 60
    assert part.official_test.sum() == 20


def test_speech_commands_from_the_archive_to_a_net(tmp_path):
    root, spoken = tmp_path / corpora.COMMANDS, corpora.synthetic_digits(speakers=4, takes=10)
    listed = []
    for i, (samples, word, speaker) in enumerate(zip(spoken.waves, spoken.words, spoken.speakers, strict=True)):
        name = f"{word}/{speaker[-1]}a_nohash_{i}.wav"
        write(root / name, samples.numpy(), rate=spoken.rate)
        listed += [name] if speaker == "voice2" else []
    (root / "testing_list.txt").write_text("\n".join(listed))
    corpus = corpora.load_speech_commands(tmp_path).head(3, 10)
    test = acoustic.conditions(corpus)["official split"]
    assert {s for s, tested in zip(corpus.speakers, test.tolist(), strict=True) if tested} == {"2a"}
    task = acoustic.make_task(corpus, test, acoustic.align_corpus(corpus, test))
    recipe, frames = Recipe(epochs=8, batch_size=64, learning_rate=3e-3), soft_targets.part_of(task, 0.5, 0)
    result = soft_targets.learn_from_part(task, recipe, frames=frames, width=64, depth=1)
    most_frequent = 100 * float(task.test.labels.bincount().max() / len(task.test.labels))
    assert float(result["test"]) > 2 * most_frequent


def test_speech_commands_in_its_own_layout(tmp_path):
    root = tmp_path / corpora.COMMANDS
    for word in ("zero", "nine", "bird"):
        for speaker in ("0a7c2a8d", "f2e9b6b7"):
            write(root / word / f"{speaker}_nohash_0.wav", tone(16000, 16000), rate=16000)
    (root / "testing_list.txt").write_text("nine/f2e9b6b7_nohash_0.wav\nbird/f2e9b6b7_nohash_0.wav\n")
    corpus = corpora.load_speech_commands(tmp_path)
    assert corpus.words == ("zero", "zero", "nine", "nine")
    assert corpus.speakers == ("0a7c2a8d", "f2e9b6b7") * 2
    assert corpus.official_test.tolist() == [False, False, False, True]
    assert corpus.rate == 16000
    assert not corpus.real  # a part is not the whole
    assert acoustic.held_out(corpus).sum() == 0
    with pytest.raises(DataError, match="no Speech Commands here"):
        corpora.load_speech_commands(tmp_path / "elsewhere")


@pytest.mark.skipif(
    not (Path(os.environ.get("KDREP_DATA", "none")) / "fsdd").is_dir(),
    reason="needs the real spoken digits ($KDREP_DATA)",
)
def test_the_real_recordings():
    corpus = corpora.load_spoken_digits(download=False)
    assert corpus.real
    assert len(corpus) == 3000
    assert int(corpus.official_test.sum()) == 300
    assert {s: corpus.speakers.count(s) for s in set(corpus.speakers)} == dict.fromkeys(set(corpus.speakers), 500)
