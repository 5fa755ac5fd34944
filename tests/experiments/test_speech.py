"""Front end, windows and recognition, against naive loops and torchaudio's own pipeline."""

from dataclasses import replace

import pytest
import torch
import torchaudio

from kdrep.data.corpora import synthetic_digits
from kdrep.experiments.soft_targets import training as soft_targets
from kdrep.experiments.speech import front_end, scores
from kdrep.experiments.speech import training as acoustic
from kdrep.learning.training import Recipe


@pytest.fixture(scope="module")
def corpus():
    return synthetic_digits(speakers=3, takes=10)


@pytest.fixture(scope="module")
def task(corpus):
    test = acoustic.conditions(corpus)["voice0"]
    return acoustic.make_task(corpus, test, acoustic.align_corpus(corpus, test))


def test_log_mel_is_torchaudios(corpus):
    samples = corpus.waves[7]
    features = front_end.log_mel(samples, 8000)
    spectrum = torch.stft(
        samples.float() / 2**15, 512, 80, 200, torch.hann_window(200), center=True, return_complex=True
    ).abs().square()  # fmt: skip
    bank = torchaudio.functional.melscale_fbanks(257, 60.0, 4000.0, 40, 8000)
    expected = spectrum.T @ bank
    torch.testing.assert_close(features, expected.clamp(min=float(expected.max()) * 1e-8).log(), rtol=1e-4, atol=1e-3)
    assert features.shape == (len(samples) // 80 + 1, 40)


def test_silence_has_no_features():
    with pytest.raises(ValueError, match="silent"):
        front_end.log_mel(torch.zeros(800, dtype=torch.int16), 8000)


def test_windows_equal_a_naive_loop():
    features, lengths = torch.randn(37, 40), torch.tensor([30, 3, 4])
    gathered = front_end.Windows(features, lengths, torch.float32)(torch.arange(37))
    rows = []
    for utterance in features.split(lengths.tolist()):
        for t in range(len(utterance)):
            context = [utterance[min(max(t + o, 0), len(utterance) - 1)] for o in range(-20, 6)]
            rows.append(torch.cat(context))
    assert torch.equal(gathered, torch.stack(rows))
    assert torch.equal(gathered.unflatten(1, (26, 40))[:, 20], features)


def test_features_are_normalised_for_each_speaker(corpus):
    utterances = front_end.make_utterances(corpus, words=(1, 7))
    for speaker in set(corpus.speakers):
        own = utterances.where([s == speaker for s in utterances.speakers]).features
        torch.testing.assert_close(own.mean(0), torch.zeros(40), atol=1e-4, rtol=0)
        torch.testing.assert_close(own.std(0), torch.ones(40), atol=1e-3, rtol=0)


def test_strings_hold_every_recording_once_and_are_deterministic(corpus):
    first, again = (front_end.make_utterances(corpus, words=(3, 7), seed=5) for _ in range(2))
    assert torch.equal(first.features, again.features)
    assert sorted(w for words in first.transcripts for w in words) == sorted(corpus.words)
    assert max(map(len, first.transcripts)) <= 7
    assert int(first.lengths.sum()) == len(first.features)


@pytest.mark.parametrize(
    ("reference", "hypothesis", "expected"),
    [
        ("one two three", "one two three", [0, 0, 0]),
        ("one two three", "one four three", [1, 0, 0]),
        ("one two three", "one three", [0, 1, 0]),
        ("one two", "one one two", [0, 0, 1]),
        ("one two", "", [0, 2, 0]),
        ("one", "two three four", [1, 0, 2]),
    ],
)
def test_word_errors_on_hand_made_cases(reference, hypothesis, expected):
    assert front_end.word_errors([reference.split()], [hypothesis.split()]) == [expected]


def test_a_transcript_without_words_is_refused():
    with pytest.raises(ValueError, match="without words"):
        front_end.word_errors([[]], [["one"]])


def test_folds_share_no_speaker_and_no_recording(corpus):
    conditions = acoustic.conditions(corpus)
    for name, test in conditions.items():
        parts = acoustic.split(corpus, test)
        content = {part: {w.numpy().tobytes() for w in c.waves} for part, c in parts.items()}
        assert not content["train"] & content["test"]
        assert not content["train"] & content["held out"]
        assert sum(map(len, parts.values())) == len(corpus)
        if name != "official split":
            assert set(parts["test"].speakers) == {name}
            assert name not in parts["train"].speakers + parts["held out"].speakers


def test_parts_of_one_seed_are_nested(task):
    small, large = (set(soft_targets.part_of(task, share, 3).tolist()) for share in (0.1, 0.5))
    assert small < large
    assert len(large) >= 0.5 * len(task.train.labels)
    assert len(soft_targets.part_of(task, 0.1, 3, by="frames")) == round(0.1 * len(task.train.labels))


def test_members_of_parts_miss_a_fifth_each(task):
    own = acoustic.own_parts(task.train.utterances, 5)
    assert own.sum(0).unique().tolist() == [4]


def test_an_ensemble_and_its_student_learn_the_synthetic_digits(task):
    recipe = Recipe(epochs=8, batch_size=128, learning_rate=2e-3)
    ensemble = acoustic.train_ensemble(task, recipe, width=64, depth=2, members=2)
    student = acoustic.train_students(
        task, recipe, width=64, depth=2, teacher=ensemble["weights"], copies=1,
        members=[7, 7], temperature=[1.0, 2.0], hard_weight=[1.0, 0.5],
    )  # fmt: skip
    lines = scores.lines_of(ensemble, student, (2.0,), 1)
    table = scores.table(task, lines)
    assert (table["frame accuracy"] > 30).all()
    assert (table["word error rate"] < 60).all()
    assert list(table.index) == ["baseline", "ensemble", "ensemble, geometric mean", "labels alone", "T = 2"]
    assert ensemble["by_size"][-1] == pytest.approx(
        scores.frame_accuracy(task, ensemble["means"]["arithmetic"])[0] / 100
    )
    errors = lines["T = 2"]["words"].double().mean(0)
    assert lines["T = 2"]["penalty"] == student["penalties"][1]
    assert 100 * float(errors.sum()) / len(task.single) == pytest.approx(table.loc["T = 2", "word error rate"])
    posterior = ensemble["posteriors"]
    torch.testing.assert_close(posterior.sum(-1), torch.ones(posterior.shape[:2]))


def test_learning_from_a_part_is_watched(task):
    frames = soft_targets.part_of(task, 0.2, 0)
    whole = soft_targets.learn_from_part(
        task, Recipe(epochs=1), frames=frames, width=16, depth=1, keep=["weights"], sample=10
    )  # fmt: skip
    result = soft_targets.learn_from_part(
        task, Recipe(epochs=3), frames=frames, width=16, depth=1, teacher=whole["weights"], temperatures=[2.0, 2.0],
        copies=2, sample=10**9,
    )  # fmt: skip
    assert result["curve"].shape == result["cross_entropies"].shape == (3, 3, 3)
    torch.testing.assert_close(result["curve"][-1], torch.stack([result[n] for n in ("train", "held out", "test")]))
    torch.testing.assert_close(result["test"][1], result["test"][2])


def test_copies_are_shifted_in_frequency_and_noisy(task):
    utterances = task.train.utterances
    silent = front_end.with_copies(utterances, 2, noise=0.0)
    assert torch.equal(silent.features[: len(utterances.features)], utterances.features)
    assert len(silent) == 3 * len(utterances)
    assert len(silent.features) == int(silent.lengths.sum()) == 3 * len(utterances.features)
    first, second = silent.features[len(utterances.features) :].chunk(2)
    shifts = 4 * torch.rand(len(utterances), generator=torch.Generator().manual_seed(0)) - 2
    expected = front_end.shifted_filters(utterances.features, torch.repeat_interleave(shifts, utterances.lengths))
    torch.testing.assert_close(first, expected)
    assert not torch.equal(first, second)
    noisy = front_end.with_copies(utterances, 1).features[len(utterances.features) :]
    assert float((noisy - first).std()) == pytest.approx(0.3, rel=0.02)


def test_filters_move_by_whole_and_broken_numbers():
    features = torch.arange(40.0).repeat(3, 1) ** 2
    moved = front_end.shifted_filters(features, torch.tensor([0.0, 2.0, -0.5]))
    assert torch.equal(moved[0], features[0])
    assert torch.equal(moved[1, :38], features[1, 2:])
    torch.testing.assert_close(moved[2, 1:], (features[2, 1:] + features[2, :-1]) / 2)


def test_a_teacher_is_rebuilt_from_its_weights(task):
    ensemble = acoustic.train_ensemble(task, Recipe(epochs=1, batch_size=512), width=16, depth=1, members=2)
    logits = acoustic.teacher_logits(ensemble["weights"], 16, 1, task.test.utterances, "cpu", torch.float32)
    assert torch.equal(logits.argmax(-1), ensemble["means"]["geometric"]["predictions"][0].long())
    part = acoustic.teacher_logits(
        ensemble["weights"], 16, 1, task.test.utterances, "cpu", torch.float32, torch.tensor([3, 5])
    )
    torch.testing.assert_close(part, logits[[3, 5]])


def test_many_speakers_are_left_out_in_groups(corpus):
    many = replace(corpus, speakers=tuple(f"speaker {i % 23}" for i in range(len(corpus))))
    masks = acoustic.conditions(many)
    folds = torch.stack([mask for name, mask in masks.items() if name != "official split"])
    assert len(folds) == acoustic.MOST_FOLDS
    assert (folds.sum(0) == 1).all()
    for mask in folds:
        inside, outside = (
            {s for s, m in zip(many.speakers, mask.tolist(), strict=True) if m == side} for side in (True, False)
        )
        assert not inside & outside


def test_where_speakers_say_little_every_tenth_of_a_word_is_held_out(corpus):
    one_each = [str(i) for i in range(len(corpus))]
    prolific = [i for i, word in enumerate(corpus.words) if word == "eight"][:14]
    assert len(prolific) == 14
    speakers = tuple("prolific" if i in prolific else name for i, name in enumerate(one_each))
    held = acoustic.held_out(replace(corpus, speakers=speakers))
    assert int(held.sum()) == sum(corpus.words.count(word) // acoustic.HELD_OUT_EVERY for word in set(corpus.words))
