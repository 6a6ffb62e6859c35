"""Programming problems in the manner of HumanEval, others in that of MBPP: all our own."""

from __future__ import annotations

_SOURCE = '''
def ladder_sum(steps: list[int], stride: int) -> int:
    """Add every stride-th rung of the ladder, starting from the lowest one.
    >>> ladder_sum([4, 8, 15, 16, 23], 2)
    42
    """
    total = 0
    for position, rung in enumerate(steps):
        if position % stride == 0:
            total += rung
    return total
###
def mirror_vowels(text: str) -> str:
    """Swap the vowels of the text end for end and leave every consonant in its place.
    >>> mirror_vowels("harbour")
    'hurboar'
    """
    places = [spot for spot, letter in enumerate(text) if letter in "aeiou"]
    letters = list(text)
    for left, right in zip(places, reversed(places)):
        letters[left] = text[right]
    return "".join(letters)
###
def quiet_hours(bells: list[int], limit: int) -> list[tuple[int, int]]:
    """Stretches between two bells that last longer than the limit, as pairs of start and end.
    >>> quiet_hours([1, 2, 9, 10, 30], 5)
    [(2, 9), (10, 30)]
    """
    found = []
    ordered = sorted(bells)
    for start, end in zip(ordered, ordered[1:]):
        if end - start > limit:
            found.append((start, end))
    return found
###
def zigzag_digits(number: int) -> bool:
    """Say whether the digits of the number rise and fall in turn all the way through.
    >>> zigzag_digits(17283)
    True
    """
    digits = [int(letter) for letter in str(number)]
    signs = [second - first for first, second in zip(digits, digits[1:])]
    for one, two in zip(signs, signs[1:]):
        if one * two >= 0:
            return False
    return all(signs)
###
def fold_table(rows: list[list[int]]) -> list[int]:
    """Fold the table along its middle column and return the row sums of what lies on top.
    >>> fold_table([[1, 2, 3], [4, 5, 6]])
    [6, 15]
    """
    result = []
    for row in rows:
        half = len(row) // 2
        front, back = row[:half], row[half:]
        result.append(sum(front) + sum(reversed(back)))
    return result
###
def crate_plan(weights: list[float], capacity: float) -> int:
    """Fewest crates when the heaviest goods are packed first and a crate never exceeds capacity.
    >>> crate_plan([5.0, 4.0, 3.0, 2.0], 7.0)
    2
    """
    crates: list[float] = []
    for weight in sorted(weights, reverse=True):
        for index, load in enumerate(crates):
            if load + weight <= capacity:
                crates[index] = load + weight
                break
        else:
            crates.append(weight)
    return len(crates)
###
def echo_words(line: str, depth: int) -> str:
    """Repeat each word as often as it has letters beyond the depth, joined by a plus sign.
    >>> echo_words("fern moss", 3)
    'fern+moss'
    """
    parts = []
    for word in line.split():
        copies = max(0, len(word) - depth)
        parts.extend([word] * copies)
    return "+".join(parts)
###
def tide_marks(levels: list[int]) -> dict[str, int]:
    """Count the highs, the lows and the flats of a row of tide levels, ends left out.
    >>> tide_marks([1, 3, 2, 2, 5])
    {'high': 1, 'low': 0, 'flat': 2}
    """
    marks = {"high": 0, "low": 0, "flat": 0}
    for before, here, after in zip(levels, levels[1:], levels[2:]):
        if before < here > after:
            marks["high"] += 1
        elif before > here < after:
            marks["low"] += 1
        elif here in (before, after):
            marks["flat"] += 1
    return marks
###
def seat_swap(guests: list[str], moves: list[tuple[int, int]]) -> list[str]:
    """Carry out the moves: the guest at the first seat goes to the second, all between shift.
    >>> seat_swap(["a", "b", "c"], [(0, 2)])
    ['b', 'c', 'a']
    """
    seats = list(guests)
    for origin, target in moves:
        person = seats.pop(origin)
        seats.insert(target, person)
    return seats
###
def lantern_code(message: str, base: int) -> list[int]:
    """Turn each letter into flashes: its place in the alphabet, the digits in the base added up.
    >>> lantern_code("az", 3)
    [1, 6]
    """
    flashes = []
    for letter in message.lower():
        value, digits = ord(letter) - 96, 0
        while value > 0:
            digits += value % base
            value //= base
        flashes.append(digits)
    return flashes
###
def river_depth(soundings: dict[int, float], mile: int) -> float:
    """Depth at a mile between two soundings, on the straight line between its neighbours.
    >>> river_depth({0: 2.0, 10: 4.0}, 5)
    3.0
    """
    lower = max(place for place in soundings if place <= mile)
    upper = min(place for place in soundings if place >= mile)
    if lower == upper:
        return soundings[lower]
    share = (mile - lower) / (upper - lower)
    return soundings[lower] + share * (soundings[upper] - soundings[lower])
###
def knot_runs(cords: str) -> str:
    """Write each run of equal cords as the cord and the length of its run, single ones bare.
    >>> knot_runs("xxxyz")
    'x3yz'
    """
    written, previous, count = "", "", 0
    for cord in cords + " ":
        if cord == previous:
            count += 1
            continue
        if previous:
            written += previous + (str(count) if count > 1 else "")
        previous, count = cord, 1
    return written
'''
_OTHERS = '''
def is_even(number):
    """Write a function to check whether a number is even."""
    return number % 2 == 0
###
def factorial(n):
    """Write a function to find the factorial of a number."""
    result = 1
    for factor in range(2, n + 1):
        result *= factor
    return result
###
def reverse_words(sentence):
    """Write a function to reverse the order of the words of a sentence."""
    return " ".join(reversed(sentence.split()))
###
def largest(values):
    """Write a function to find the largest value of a list without max()."""
    best = values[0]
    for value in values[1:]:
        if value > best:
            best = value
    return best
###
def count_vowels(text):
    """Write a function that counts the vowels of a text."""
    return sum(letter in "aeiou" for letter in text.lower())
###
def fibonacci(n):
    """Write a function to list the first n Fibonacci numbers."""
    numbers = [0, 1]
    while len(numbers) < n:
        numbers.append(numbers[-1] + numbers[-2])
    return numbers[:n]
###
def flatten(nested):
    """Write a function to flatten a list of lists."""
    flat = []
    for inner in nested:
        for value in inner:
            flat.append(value)
    return flat
###
def is_prime(n):
    """Write a function to check whether a number is a prime."""
    if n < 2:
        return False
    for divisor in range(2, int(n ** 0.5) + 1):
        if n % divisor == 0:
            return False
    return True
'''


def _split(source: str) -> tuple[tuple[str, str], ...]:
    """Pairs of prompt (signature and docstring) and body."""
    pairs = []
    for text in source.strip().split("\n###\n"):
        head, _, body = text.rpartition('"""\n')
        pairs.append((f'{head}"""\n', body))
    return tuple(pairs)


PROBLEMS = _split(_SOURCE)
OTHERS = _split(_OTHERS)
