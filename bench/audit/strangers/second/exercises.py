"""Programming exercises of an agent's own, with the names that everybody gives to them."""

from __future__ import annotations

from bench.audit.strangers.material import Item

_OWN = '''
def is_prime(n):
    """Tell whether n, a whole number, has exactly two divisors."""
    return n > 1 and not any(map(lambda d: n % d == 0, range(2, int(n**0.5) + 1)))

def fibonacci(n):
    """The first n numbers of the row 0, 1, 1, 2, 3, ... in a list."""
    row = [0, 1]
    while len(row) < n:
        row.append(row[-1] + row[-2])
    return row[:n]

def flatten(nested):
    """Lists inside lists, as one list without inner lists."""
    flat = []
    stack = [iter(nested)]
    while stack:
        for one in stack[-1]:
            if isinstance(one, list):
                stack.append(iter(one))
                break
            flat.append(one)
        else:
            stack.pop()
    return flat

def count_words(text):
    """How often each word of a text stands in it, in small letters, without its marks."""
    table = {}
    for word in text.lower().split():
        word = word.strip(".,;:!?")
        table[word] = table.get(word, 0) + 1
    return table

def binary_search(values, wanted):
    """The place of `wanted` in a sorted list, else None."""
    low, high = 0, len(values) - 1
    while low <= high:
        middle = (low + high) // 2
        if values[middle] == wanted:
            return middle
        if values[middle] < wanted:
            low = middle + 1
        else:
            high = middle - 1
    return None

def transpose(matrix):
    """Rows become columns."""
    return [list(column) for column in zip(*matrix)]

def chunk(values, size):
    """Cut a list into pieces of a size; the last piece may be shorter."""
    return [values[at : at + size] for at in range(0, len(values), size)]

def roman(number):
    """A number from 1 to 3999 in Roman letters."""
    signs = [(1000, "M"), (900, "CM"), (500, "D"), (400, "CD"), (100, "C"), (90, "XC"),
             (50, "L"), (40, "XL"), (10, "X"), (9, "IX"), (5, "V"), (4, "IV"), (1, "I")]
    text = ""
    for value, sign in signs:
        times, number = divmod(number, value)
        text += sign * times
    return text

def running_mean(values, window):
    """The means of every `window` neighbours."""
    total, means = 0.0, []
    for at, value in enumerate(values):
        total += value
        if at >= window:
            total -= values[at - window]
        if at >= window - 1:
            means.append(total / window)
    return means

def caesar(text, shift):
    """Every letter moved on in the alphabet, capitals stay capitals."""
    made = []
    for sign in text:
        if sign.isalpha():
            first = ord("A") if sign.isupper() else ord("a")
            sign = chr((ord(sign) - first + shift) % 26 + first)
        made.append(sign)
    return "".join(made)

def merge_intervals(intervals):
    """Joined intervals, none of which touches another."""
    merged = []
    for start, stop in sorted(intervals):
        if merged and start <= merged[-1][1]:
            merged[-1][1] = max(merged[-1][1], stop)
        else:
            merged.append([start, stop])
    return merged

def collatz_length(n):
    """How many steps it takes to come to 1."""
    steps = 0
    while n != 1:
        n = 3 * n + 1 if n % 2 else n // 2
        steps += 1
    return steps

def group_by_length(words):
    """Words in a table by how long they are."""
    table = {}
    for word in words:
        table.setdefault(len(word), []).append(word)
    return table

def balanced(text):
    """Are brackets of three kinds closed in the order in which they were opened?"""
    open_ones, pairs = [], {")": "(", "]": "[", "}": "{"}
    for sign in text:
        if sign in pairs.values():
            open_ones.append(sign)
        elif sign in pairs and (not open_ones or open_ones.pop() != pairs[sign]):
            return False
    return not open_ones
'''


def own_exercises() -> tuple[Item, ...]:
    """Question (signature and docstring) and body of each."""
    items = []
    for source in _OWN.strip().split("\n\n"):
        head, doc, *body = source.split("\n")
        name = head[4:].partition("(")[0]
        solution = "\n".join(body) + "\n"
        items.append(Item(name, f"{head}\n{doc}\n", solution, solution))
    return tuple(items)
