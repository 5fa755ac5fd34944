"""The speech corpora: the publisher's layouts, the stand-in, and what becomes of damaged recordings."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from made_up import complaint, tone
from made_up import write_wave as write

from kdrep.data import corpora, waves
from kdrep.data.datasets import DataError, describe
from kdrep.data.lexicon import DIGITS
from kdrep.experiments.soft_targets import training as soft_targets
from kdrep.experiments.speech import training as acoustic
from kdrep.learning.training import Recipe


def test_a_recording_is_read_as_it_is(tmp_path):
    samples = tone()
    assert waves.read_wave(write(tmp_path / "a.wav", samples), 8000).numpy().tolist() == samples.tolist()


@pytest.mark.parametrize(
    ("samples", "message"),
    [([], "no recording"), (np.zeros(4000), "silent"), (np.full(4000, 77), "silent"), (tone(100), "no recording")],
)
def test_empty_and_silent_recordings_are_refused(tmp_path, samples, message):
    with pytest.raises(DataError, match=f"a.wav.*{message}"):
        waves.read_wave(write(tmp_path / "a.wav", samples), 8000)


def test_truncated_and_foreign_files_are_refused(tmp_path):
    path = write(tmp_path / "a.wav", tone())
    path.write_bytes(path.read_bytes()[:-1001])
    with pytest.raises(DataError, match=r"a\.wav: truncated"):
        waves.read_wave(path, 8000)
    path.write_bytes(b"no sound")
    with pytest.raises(DataError, match=r"a\.wav: no readable WAV"):
        waves.read_wave(path, 8000)
    with pytest.raises(DataError, match="16-bit"):
        waves.read_wave(write(path, np.arange(4000) % 256, width=1), 8000)


@pytest.mark.parametrize("place", range(46))
def test_a_recording_with_a_damaged_head_is_named_or_read(tmp_path, place):
    path = write(tmp_path / "a.wav", tone())
    whole = path.read_bytes()
    for byte in (0, 1, 63, 127, 128, 255):
        path.write_bytes(whole[:place] + bytes([byte]) + whole[place + 1 :])
        said = complaint(waves.read_wave, path, 8000)
        assert said is None or (said.startswith(f"{path}: ") and "()" not in said)


def test_stereo_is_averaged_and_another_rate_converted(tmp_path):
    samples = tone()
    stereo = write(tmp_path / "s.wav", np.stack([samples, np.zeros_like(samples)], 1), channels=2)
    assert waves.read_wave(stereo, 8000).numpy() == pytest.approx(samples / 2, abs=1)
    fast = waves.read_wave(write(tmp_path / "f.wav", tone(8000, 16000), rate=16000), 8000)
    assert len(fast) == 4000
    assert np.corrcoef(fast[200:-200].numpy(), samples[200:-200])[0, 1] > 0.99


def test_clipped_recordings_are_kept_as_they_are(tmp_path):
    loud = np.clip(tone().astype(int) * 9, -(2**15), 2**15 - 1)
    read = waves.read_wave(write(tmp_path / "c.wav", loud), 8000)
    assert read.numpy() == pytest.approx(loud)


def test_an_incomplete_corpus_is_refused_with_the_remedy(tmp_path):
    write(tmp_path / "fsdd" / "recordings" / "0_theo_0.wav", tone())
    with pytest.raises(
        DataError, match=r"3000 recordings are expected, 1 are there; missing are 0_g.*_0.*move .*run `make data`"
    ):
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


def test_speech_commands_in_its_own_layout(tmp_path, commands):
    (commands / "zero" / "._0a7c2a8d_nohash_0.wav").write_bytes(b"a system's own")
    corpus = corpora.load_speech_commands(tmp_path)
    assert corpus.words == ("zero", "zero", "nine", "nine")
    assert corpus.speakers == ("0a7c2a8d", "f2e9b6b7") * 2
    assert corpus.official_test.tolist() == [False, True] * 2
    assert corpus.rate == 16000
    assert not corpus.real  # a part is not the whole
    assert acoustic.held_out(corpus).sum() == 0
    with pytest.raises(DataError, match="no Speech Commands here"):
        corpora.load_speech_commands(tmp_path / "elsewhere")


@pytest.mark.parametrize("form", ["./", "backslashes", "byte order mark", "CRLF", "empty lines", "no last line end"])
def test_a_list_of_tests_may_be_written_otherwise(tmp_path, commands, form):
    listed = commands / "testing_list.txt"
    text = "".join(sorted(listed.read_text().splitlines(keepends=True), reverse=True))
    other = {
        "./": "./" + text.replace("\n", "\n./").removesuffix("./"),
        "backslashes": text.replace("/", "\\"),
        "byte order mark": "\ufeff" + text,
        "CRLF": text.replace("\n", "\r\n"),
        "empty lines": "\n" + text.replace("\n", "\n\n"),
        "no last line end": text.strip(),
    }[form]
    listed.write_bytes(other.encode())
    assert corpora.load_speech_commands(tmp_path).official_test.tolist() == [False, True] * 2


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "marks none of the 4 recordings"),
        (b"bird/f2e9b6b7_nohash_0.wav\n", "marks none of the 4 recordings"),
        (b"".join(b"%s/%s_nohash_0.wav\n" % (w, s) for w in (b"zero", b"nine") for s in (b"0a7c2a8d", b"f2e9b6b7")),
         "marks all of the 4 recordings"),
        (b"nine/f2e9b6b7_nohash_0.wav\nzero/f2e9b6b7_nohash_7.wav\n", r"line 2 names 'zero/f2e9b6b7_nohash_7.wav'"),
        (b"nine/f2e9b6b7_nohash_0.wav\nzero/f2e9b6", r"line 2 names 'zero/f2e9b6', .*1 of its 2 lines"),
        (b"v0.02/nine/f2e9b6b7_nohash_0.wav\n" * 3, r"line 1 names 'v0.02/nine/.*3 of its 3 lines"),
        (b"Nine/f2e9b6b7_nohash_0.wav\n", "line 1 names 'Nine/"),
        (b"f2e9b6b7_nohash_0.wav\n", "line 1 names 'f2e9b6b7"),
        ("nine/f2e9b6b7_nohash_0.wav\n".encode("utf-16"), "no text in UTF-8"),
    ],
)  # fmt: skip
def test_a_list_that_is_not_that_of_the_recordings_is_refused(tmp_path, commands, content, message):
    (commands / "testing_list.txt").write_bytes(content)
    with pytest.raises(DataError, match=f"testing_list.txt: .*{message}"):
        corpora.load_speech_commands(tmp_path)


def test_what_systems_hide_among_recordings_is_passed_over(tmp_path, recordings):
    before = corpora.load_spoken_digits(tmp_path, download=False)
    for name in ("._0_anna_0.wav", ".DS_Store", "Thumbs.db"):
        (recordings / name).write_bytes(b"a system's own")
    after = corpora.load_spoken_digits(tmp_path, download=False)
    assert after.real
    assert after.checksum == before.checksum


def test_recordings_missing_and_too_many_are_named(tmp_path, recordings):
    (recordings / "0_anna_0 (1).wav").write_bytes((recordings / "0_anna_0.wav").read_bytes())
    with pytest.raises(DataError, match=r"120 recordings are expected, 121 are there; none .* are 0_anna_0 \(1\)\.wav"):
        corpora.load_spoken_digits(tmp_path, download=False)
    for take in range(5):
        (recordings / f"3_otto_{take}.wav").unlink()
    with pytest.raises(DataError, match=r"missing are 3_otto_0.wav, 3_otto_1.wav, 3_otto_2.wav and 2 more"):
        corpora.load_spoken_digits(tmp_path, download=False)


def test_other_samples_are_refused_and_a_damaged_recording_is_named(tmp_path, recordings):
    path = recordings / "5_otto_2.wav"
    write(path, tone(pitch=99))
    with pytest.raises(DataError, match=r"recordings: the samples of some .* are not those of version 1\.0\.10"):
        corpora.load_spoken_digits(tmp_path, download=False)
    path.write_bytes(b"RIFF" + bytes(40))
    with pytest.raises(DataError, match=r"5_otto_2\.wav: no readable WAV file"):
        corpora.load_spoken_digits(tmp_path, download=False)


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
