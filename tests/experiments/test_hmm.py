"""Alignment and decoding against brute force over all paths, and on data whose boundaries are known."""

import itertools
import math

import pytest
import torch

from kdrep.data.corpora import synthetic_digits
from kdrep.data.lexicon import PRONUNCIATIONS, make_states
from kdrep.experiments.speech import front_end, hmm

TINY = make_states({"a": "X", "b": "Y Z"}, per_phone=1)  # states: a 0, b 1 2, silence 3
LOOPS = hmm.Loops(torch.tensor([0.6, 0.3, 0.5, 0.7]).log(), torch.tensor([0.4, 0.7, 0.5, 0.3]).log())


def path_score(path, scores, loops):
    """Log probability of a path of states: emissions, staying, leaving."""
    total = sum(float(scores[t, s]) for t, s in enumerate(path))
    for before, after in itertools.pairwise(path):
        total += float(loops.stay[before] if before == after else loops.leave[before])
    return total


def words_of(path):
    """The words that a path of TINY's states speaks, or None if it is not allowed."""
    words, previous = [], None
    for state in path:
        if state == previous:
            continue
        if state == 2 and previous != 1 or previous == 1 and state != 2 or state == 3 and previous == 1:
            return None
        words += {0: ["a"], 1: ["b"]}.get(state, [])
        previous = state
    return None if previous == 1 else words


def all_paths(length):
    """Every allowed path of TINY's states and what it says; the one state of `a` cannot be told from a second `a`."""
    for path in itertools.product(range(4), repeat=length):
        if (words := words_of(path)) is not None:
            yield path, words


@pytest.mark.parametrize("seed", range(6))
def test_alignment_is_the_best_of_all_paths(seed):
    scores = torch.randn(6, 4, generator=torch.Generator().manual_seed(seed)) * 2
    transcript = ["a", "b"]
    best = max((p for p, w in all_paths(6) if w == transcript), key=lambda p: path_score(p, scores, LOOPS))
    chains = hmm.make_chains([transcript], TINY)
    assert hmm.align(scores, torch.tensor([6]), chains, LOOPS, silence=1).tolist() == list(best)


@pytest.mark.parametrize("penalty", [0.0, 1.5])
@pytest.mark.parametrize("seed", range(6))
def test_decoding_is_the_best_of_all_paths(seed, penalty):
    scores = torch.randn(5, 4, generator=torch.Generator().manual_seed(seed)) * 2

    def total(entry):
        path, words = entry
        return path_score(path, scores, LOOPS) - len(words) * (math.log(2) + penalty)

    _, words = max(all_paths(5), key=total)
    assert hmm.decode(scores, torch.tensor([5]), TINY, LOOPS, penalty=penalty) == [words]


def test_utterances_do_not_touch_each_other_in_a_batch():
    generator = torch.Generator().manual_seed(1)
    parts = [torch.randn(n, 4, generator=generator) * 2 for n in (7, 4, 9)]
    lengths, transcripts = torch.tensor([7, 4, 9]), [["a", "b"], ["b"], ["b", "a", "b"]]
    together = hmm.align(torch.cat(parts), lengths, hmm.make_chains(transcripts, TINY), LOOPS, 1).split([7, 4, 9])
    decoded = hmm.decode(torch.cat(parts), lengths, TINY, LOOPS)
    for i, part in enumerate(parts):
        alone = hmm.align(part, lengths[i : i + 1], hmm.make_chains([transcripts[i]], TINY), LOOPS, 1)
        assert torch.equal(alone, together[i])
        assert hmm.decode(part, lengths[i : i + 1], TINY, LOOPS) == [decoded[i]]


def test_too_few_frames_are_refused_by_number():
    chains = hmm.make_chains([["a"], ["b"]], TINY)
    with pytest.raises(ValueError, match=r"utterances \[1\].*leave them out"):
        hmm.align(torch.zeros(3, 4), torch.tensor([2, 1]), chains, LOOPS, 1)


def test_unknown_words_and_bad_scores_are_refused():
    with pytest.raises(ValueError, match="c"):
        hmm.make_chains([["a", "c"]], TINY)
    with pytest.raises(ValueError, match="empty"):
        hmm.make_chains([[]], TINY)
    with pytest.raises(ValueError, match="NaN"):
        hmm.decode(torch.full((2, 4), math.nan), torch.tensor([2]), TINY, LOOPS)


def test_gaussians_are_the_maximum_likelihood_ones():
    frames = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    labels = torch.arange(50) % 2
    fitted = hmm.fit_gaussians(frames, labels, 3, floor=0.0)
    for state in (0, 1):
        own = frames[labels == state]
        torch.testing.assert_close(fitted.means[state], own.mean(0))
        torch.testing.assert_close(fitted.variances[state], own.var(0, unbiased=False))
        normal = torch.distributions.Normal(own.mean(0), own.std(0, unbiased=False))
        torch.testing.assert_close(
            hmm.gaussian_scores(frames, fitted)[:, state], normal.log_prob(frames).sum(1), rtol=1e-4, atol=1e-4
        )
    torch.testing.assert_close(fitted.means[2], frames.mean(0))


def test_loops_count_visits_also_across_utterances():
    loops = hmm.estimate_loops(torch.tensor([0, 0, 1, 1, 1, 1]), torch.tensor([4, 2]), 2)
    assert loops.leave.exp().tolist() == pytest.approx([2 / 4, 3 / 6])
    assert (loops.leave.exp() + loops.stay.exp()).tolist() == pytest.approx([1, 1])


def test_alignment_recovers_known_boundaries():
    states = make_states()
    generator = torch.Generator().manual_seed(3)
    centres = torch.randn(len(states), 8, generator=generator) * 3
    truth, lengths, transcripts = [], [], []
    for words in (["one", "eight"], ["six"], ["seven", "two", "nine"]):
        own = [s for word in words for s in [*states.words[word], *states.silence]]
        durations = torch.randint(2, 6, (len(own),), generator=generator)
        truth.append(torch.repeat_interleave(torch.tensor(own), durations))
        lengths.append(len(truth[-1]))
        transcripts.append(words)
    labels = torch.cat(truth)
    frames = centres[labels] + 0.5 * torch.randn(len(labels), 8, generator=generator)
    gaussians = hmm.Gaussians(centres, torch.full_like(centres, 0.25))
    flat = hmm.Loops(*torch.full((2, len(states)), math.log(0.5)))
    found = hmm.align(
        hmm.gaussian_scores(frames, gaussians), torch.tensor(lengths), hmm.make_chains(transcripts, states), flat
    )
    assert (found == labels).float().mean() > 0.98


def test_flat_start_settles_and_recognises_the_synthetic_digits():
    corpus = synthetic_digits(speakers=3, takes=4)
    utterances, states = front_end.make_utterances(corpus), make_states()
    aligner = front_end.train_aligner(utterances, states)
    assert aligner.changes[-1] < aligner.changes[0] / 5
    assert aligner.likelihoods[-1] > aligner.likelihoods[0]
    scores = hmm.gaussian_scores(front_end.cepstra(utterances), aligner.gaussians)
    decoded = hmm.decode(scores, utterances.lengths, states, aligner.loops)
    wrong = sum(map(sum, front_end.word_errors(utterances.transcripts, decoded)))
    assert wrong <= len(utterances) // 10


def test_states_are_three_a_phone_in_their_word():
    states = make_states()
    phones = sum(len(p.split()) for p in PRONUNCIATIONS.values())
    assert len(states) == 3 * phones + 3 == len(set(states.names))
    assert [states.phones[s] for s in states.words["two"]] == ["T"] * 3 + ["UW"] * 3
