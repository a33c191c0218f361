"""The inner loops of the classifier, compiled by Numba: from the characters and words of messages to their scores.

A call of NumPy costs a microsecond whatever it does, and a message needs a hundred of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model.calibration import Floats, calibrate
from model.machine_code import compiled

Integers = NDArray[np.int64]
CodePoints = NDArray[np.int32]

# Never in a normal form, and a word of its own for jieba: parts the messages of a file.
SEPARATOR = "\n"
_SEPARATOR = ord(SEPARATOR)
MIN_CLAUSE_CHARS = 3
LONGEST_RUN = 3
RANKED = 4
_CLAUSE_ENDS = np.array([ord(char) for char in ",，。.!！?？;；、~… "], dtype=np.int32)
_FREE = np.int64(-1)
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # 2^64 over the golden ratio: Knuth's multiplicative hashing.


class Terms(NamedTuple):
    """The trie of all terms as a hash table (open addressing), and what each term weighs.

    Attributes:
        slots: (n_slots, 2), a power of two of them: a term's `Classifier.steps` entry, or -1, and its row, side by side
            because they are looked at together.
        n_words: rows below are of words and pairs of words, the others of runs of characters.
        view_weights: (2,), length of the words' and the characters' part of a message.
        idf: (n_terms,).
        weights: (n_terms, n_labels).
        intercepts: (n_labels,).
    """

    slots: Integers
    n_words: int
    view_weights: Floats
    idf: Floats
    weights: NDArray[np.float32]
    intercepts: Floats


@compiled
def hash_table(steps: Integers) -> Integers:
    """`Terms.slots`."""
    size = 1
    while size < 2 * len(steps) + 1:
        size *= 2
    slots = np.full((size, 2), _FREE)
    for row in range(len(steps)):
        slot = _slot(slots, steps[row])
        slots[slot, 0] = steps[row]
        slots[slot, 1] = row
    return slots


@compiled
def _slot(slots: Integers, key: int) -> int:
    """Where the key is, or would go."""
    mask = len(slots) - 1
    slot = np.int64((np.uint64(key) * _GOLDEN) >> np.uint64(32)) & mask
    while slots[slot, 0] != key and slots[slot, 0] != _FREE:
        slot = (slot + 1) & mask
    return int(slot)


@compiled
def _lengthened(terms: Terms, row: int, added: int) -> int:
    """Row of the term that is longer by what is added; -1 for none."""
    slot = _slot(terms.slots, int((np.int64(row) << 32) | np.int64(added)))
    return int(terms.slots[slot, 1])


@compiled
def _rows_of_words(words: Integers, terms: Terms) -> Integers:
    """Rows of all words and pairs of words that are known, in no order."""
    found = np.empty(2 * len(words), dtype=np.int64)
    n = 0
    for place in range(len(words)):
        if words[place] < 0:
            continue
        found[n] = words[place]
        n += 1
        if place + 1 < len(words) and words[place + 1] >= 0:
            row = _lengthened(terms, words[place], words[place + 1])
            if row >= 0:
                found[n] = row
                n += 1
    return found[:n]


@compiled
def _rows_of_runs(codes: CodePoints, terms: Terms) -> Integers:
    """(n_characters, LONGEST_RUN): rows of the runs that begin at each character, by length; -1 for none."""
    rows = np.full((len(codes), LONGEST_RUN), -1, dtype=np.int64)
    for start in range(len(codes)):
        row = len(terms.idf)
        for longer in range(min(LONGEST_RUN, len(codes) - start)):
            row = _lengthened(terms, row, codes[start + longer])
            if row < 0:  # Every beginning of a known run is known.
                break
            rows[start, longer] = row
    return rows


@compiled
def _tfidf(words: Integers, runs: Integers, terms: Terms) -> tuple[Integers, Floats]:
    """Distinct rows, rising, and their TF-IDF values, each view's part of its weight's length."""
    known = runs.ravel()
    rows = np.concatenate((_rows_of_words(words, terms), known[known >= 0]))
    rows.sort()
    values = np.empty(len(rows))
    squares = np.zeros(2)
    n = 0
    start = 0
    while start < len(rows):
        row = rows[start]
        end = start + 1
        while end < len(rows) and rows[end] == row:
            end += 1
        value = terms.idf[row] * (1.0 + np.log(end - start))
        squares[int(row >= terms.n_words)] += value * value
        rows[n] = row
        values[n] = value
        n += 1
        start = end
    for place in range(n):
        view = int(rows[place] >= terms.n_words)
        values[place] *= terms.view_weights[view] / np.sqrt(squares[view])
    return rows[:n], values[:n]


@compiled
def _add_scores(rows: Integers, values: Floats, terms: Terms, scores: Floats) -> None:
    scores[:] = terms.intercepts
    for place in range(len(rows)):
        weights = terms.weights[rows[place]]
        for label in range(len(scores)):
            scores[label] += values[place] * weights[label]


@compiled
def score_all(codes: CodePoints, words: Integers, lengths: Integers, terms: Terms) -> Floats:
    """Scores (n_messages, n_labels) of many messages.

    Args:
        codes: code points of all messages one after another, with a separator behind each.
        words: (n_words,), rows of their words, -1 for unknown ones and separators.
        lengths: (n_words,), characters of each word.
    """
    char_ends, word_ends = _message_ends(codes, lengths)
    scores = np.empty((len(char_ends), len(terms.intercepts)))
    char = word = 0
    for message in range(len(char_ends)):
        runs = _rows_of_runs(codes[char : char_ends[message]], terms)
        rows, values = _tfidf(words[word : word_ends[message]], runs, terms)
        _add_scores(rows, values, terms, scores[message])
        char, word = char_ends[message] + 1, word_ends[message] + 1
    return scores


@compiled
def read_all(
    codes: CodePoints, words: Integers, lengths: Integers, n_issues: int, temperatures: Floats, terms: Terms
) -> tuple[Integers, Integers, Floats, Integers, Integers, Floats, Floats]:
    """The likeliest labels of many messages, the issues of their clauses, and what their words weigh.

    Args:
        codes, words, lengths: as in `score_all`.
        n_issues: the first labels are issues.
        temperatures: (2,), of the issue head and the customer head; see `model.calibration`.

    Returns:
        word_ends (n_messages,), the place of each message's separator among the words;
        labels and probabilities (n_messages, 2 * RANKED): the likeliest issues, then the likeliest customer types by
        their place among the customer types, -1 where there are fewer; clause_ends (n_messages,): where each message's
        clauses end among all clauses, whose likeliest issues and their probabilities follow, (n_clauses,); and for all
        words (n_words,) what they and the runs of characters that touch them add to the score of the message's best
        issue (log-odds).
    """
    char_ends, word_ends = _message_ends(codes, lengths)
    labels = np.full((len(char_ends), 2 * RANKED), -1)
    confidences = np.zeros((len(char_ends), 2 * RANKED))
    clause_ends = np.empty(len(char_ends), dtype=np.int64)
    clause_issues = np.empty(len(words), dtype=np.int64)
    clause_confidences = np.empty(len(words))
    of_words = np.zeros(len(words))
    n_clauses = char = word = 0
    for message in range(len(char_ends)):
        end = word_ends[message]
        probabilities, of_clauses, of_words[word:end] = _read_one(
            codes[char : char_ends[message]], words[word:end], lengths[word:end], n_issues, temperatures, terms
        )
        _rank(probabilities[:n_issues], labels[message, :RANKED], confidences[message, :RANKED])
        _rank(probabilities[n_issues:], labels[message, RANKED:], confidences[message, RANKED:])
        for clause in range(len(of_clauses)):
            best = of_clauses[clause].argmax()
            clause_issues[n_clauses] = best
            clause_confidences[n_clauses] = of_clauses[clause, best]
            n_clauses += 1
        clause_ends[message] = n_clauses
        char, word = char_ends[message] + 1, end + 1
    clause_issues, clause_confidences = clause_issues[:n_clauses], clause_confidences[:n_clauses]
    return word_ends, labels, confidences, clause_ends, clause_issues, clause_confidences, of_words


@compiled
def _message_ends(codes: CodePoints, lengths: Integers) -> tuple[Integers, Integers]:
    """Where each message's separator stands, among the characters and among the words, (n_messages,) each."""
    char_ends, word_ends = np.empty_like(lengths), np.empty_like(lengths)
    n_messages = char = 0
    for word in range(len(lengths)):
        if codes[char] == _SEPARATOR:
            char_ends[n_messages], word_ends[n_messages] = char, word
            n_messages += 1
        char += lengths[word]
    return char_ends[:n_messages], word_ends[:n_messages]


@compiled
def _rank(probabilities: Floats, labels: Integers, confidences: Floats) -> None:
    """Fill in the likeliest labels by falling probability, the first of equal ones first."""
    for label in range(len(probabilities)):
        rank = min(label, len(labels))
        while rank > 0 and probabilities[label] > confidences[rank - 1]:
            rank -= 1
            if rank + 1 < len(labels):
                labels[rank + 1] = labels[rank]
                confidences[rank + 1] = confidences[rank]
        if rank < len(labels):
            labels[rank] = label
            confidences[rank] = probabilities[label]


@compiled
def _read_one(
    codes: CodePoints, words: Integers, lengths: Integers, n_issues: int, temperatures: Floats, terms: Terms
) -> tuple[Floats, Floats, Floats]:
    """Probabilities of a message's labels (n_labels,) and of its clauses' issues (n_clauses, n_issues).

    Third, what each word adds to the best issue's score, (n_words,), see `read_all`; a run's part is spread evenly over
    its characters.
    """
    runs = _rows_of_runs(codes, terms)
    rows, values = _tfidf(words, runs, terms)
    scores = np.empty(len(terms.intercepts))
    _add_scores(rows, values, terms, scores)
    probabilities = np.empty(len(scores))
    calibrate(scores[:n_issues], temperatures[0], probabilities[:n_issues])
    calibrate(scores[n_issues:], temperatures[1], probabilities[n_issues:])
    best = scores[:n_issues].argmax()
    added = np.empty(len(rows))
    for place in range(len(rows)):
        added[place] = values[place] * terms.weights[rows[place], best] / temperatures[0]
    of_char = np.zeros(len(codes))
    for start in range(len(codes)):
        for longer in range(LONGEST_RUN):
            if runs[start, longer] < 0:
                break
            share = added[np.searchsorted(rows, runs[start, longer])] / (longer + 1)
            of_char[start : start + longer + 1] += share
    of_word = np.zeros(len(words))
    start = 0
    for place in range(len(words)):
        of_word[place] = of_char[start : start + lengths[place]].sum()
        start += lengths[place]
        if words[place] >= 0:
            of_word[place] += added[np.searchsorted(rows, words[place])]

    spans = clause_spans(codes, lengths)
    of_clauses = np.empty((len(spans), n_issues))
    clause_scores = np.empty(len(terms.intercepts))
    for clause in range(len(spans)):
        first, end, start, stop = spans[clause]
        # The message's runs from here, but for those that reach beyond the clause.
        inside = runs[start:stop].copy()
        inside[-1, 1:] = -1
        inside[-2, 2:] = -1
        rows, values = _tfidf(words[first:end], inside, terms)
        _add_scores(rows, values, terms, clause_scores)
        calibrate(clause_scores[:n_issues], temperatures[0], of_clauses[clause])
    return probabilities, of_clauses, of_word


@compiled
def clause_spans(codes: CodePoints, lengths: Integers) -> Integers:
    """Clauses (n_clauses, 4): first word and end, first character and end; none where there is but one clause.

    A clause stands between words of punctuation or spaces and has three characters or more.
    """
    spans = np.empty((len(lengths) + 1, 4), dtype=np.int64)
    n = first = start = char = 0
    for place in range(len(lengths) + 1):
        is_end = True
        length = lengths[place] if place < len(lengths) else 0
        for code in codes[char : char + length]:
            is_end &= code in _CLAUSE_ENDS
        if is_end:
            if char - start >= MIN_CLAUSE_CHARS:
                spans[n] = first, place, start, char
                n += 1
            first, start = place + 1, char + length
        char += length
    return spans[:n] if n > 1 else spans[:0]


def code_points(text: str) -> CodePoints:
    """The text as numbers, (n_characters,)."""
    return np.frombuffer(text.encode("utf-32-le"), dtype=np.int32)


def clauses(words: Sequence[str]) -> list[str]:
    """The clauses of a message, given as its words.

    >>> clauses(["少", "了", "一袋", ",", "还", "破", "了", "一袋"])
    ['少了一袋', '还破了一袋']
    """
    text = "".join(words)
    lengths = np.array([len(word) for word in words], dtype=np.int64)
    return [text[start:stop] for _, _, start, stop in clause_spans(code_points(text), lengths)]
