"""The ten digits in phones, and the HMM states that they are made of."""

from dataclasses import dataclass

# The first pronunciation of each word in CMUdict 0.7b, stress left out.
PRONUNCIATIONS = {
    "zero": "Z IH R OW", "one": "W AH N", "two": "T UW", "three": "TH R IY", "four": "F AO R",
    "five": "F AY V", "six": "S IH K S", "seven": "S EH V AH N", "eight": "EY T", "nine": "N AY N",
}  # fmt: skip
DIGITS = tuple(PRONUNCIATIONS)
STATES_PER_PHONE = 3
SILENCE = "SIL"


@dataclass(frozen=True)
class States:
    """The label set: three states for every phone of every word (phones in their word's context), and silence.

    `names` are phone, word and position of each state; `phones` the phone alone; `words` the states of a word.
    """

    names: tuple[str, ...]
    phones: tuple[str, ...]
    words: dict[str, tuple[int, ...]]
    silence: tuple[int, ...]

    def __len__(self) -> int:
        return len(self.names)


def make_states(pronunciations: dict[str, str] = PRONUNCIATIONS, per_phone: int = STATES_PER_PHONE) -> States:
    """Number the states: the words' in the order of the lexicon, then those of silence."""
    names, phones, words = [], [], {}
    for word, pronunciation in pronunciations.items():
        first = len(names)
        for place, phone in enumerate(pronunciation.split()):
            names += [f"{phone}.{place} of {word}, {state}" for state in range(per_phone)]
            phones += [phone] * per_phone
        words[word] = tuple(range(first, len(names)))
    silence = tuple(range(len(names), len(names) + per_phone))
    names += [f"{SILENCE}, {state}" for state in range(per_phone)]
    return States(tuple(names), (*phones, *[SILENCE] * per_phone), words, silence)
