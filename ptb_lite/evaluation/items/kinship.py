"""A small family: its people, what two of them are to each other, and its story.

Draws follow `family_relationships` of reasoning-gym 0.1.25, so that seeds keep their meaning.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random

_MALE = (
    "James John Robert Michael William David Richard Joseph Thomas Charles Peter Daniel Matthew "
    "Christopher Andrew George Edward Benjamin Henry Samuel Alexander Oliver Jack Harry Jacob Noah "
    "Ethan Lucas Mason Logan Sebastian Theodore Owen Liam Aiden Kai Jayden Zion Phoenix Atlas Axel "
    "Ryder Finn"
)
_FEMALE = (
    "Mary Patricia Jennifer Linda Elizabeth Barbara Susan Jessica Sarah Karen Emma Lisa Anna "
    "Margaret Victoria Charlotte Sophia Isabella Olivia Ava Mia Emily Abigail Amelia Eleanor "
    "Grace Alice Lucy Chloe Sophie Lily Hannah Zoe Luna Nova Aria Willow Aurora Sage River Winter "
    "Sky Rain"
)
# Above so many people a family also has the mother's parents, an uncle's and an aunt's couple.
_WITH_MOTHER, _WITH_MATERNAL, _WITH_UNCLE, _WITH_AUNT = 3, 6, 8, 10
# Husbands, or wives, of the largest family: those who must have a name.
_MARRIED = 5


@dataclass(frozen=True)
class FamilyOptions:
    """Options of `family_relationships`: how many people, and their names."""

    min_family_size: int = 4
    max_family_size: int = 8
    male_names: tuple[str, ...] = tuple(_MALE.split())
    female_names: tuple[str, ...] = tuple(_FEMALE.split())

    def __post_init__(self) -> None:
        if not 3 <= self.min_family_size <= self.max_family_size:
            raise ValueError("min_family_size must be at least 3 and not above its maximum")
        if min(len(self.male_names), len(self.female_names)) < _MARRIED:
            raise ValueError(f"male_names and female_names need {_MARRIED} each")


@dataclass(frozen=True)
class Person:
    """One of a family, by number: 0 and 1 are the father's parents."""

    name: str
    female: bool
    parents: tuple[int, ...] = ()


@dataclass
class Family:
    """People by number, and who is married to whom."""

    people: list[Person] = field(default_factory=list)
    spouse: dict[int, int] = field(default_factory=dict)

    @classmethod
    def drawn(cls, options: FamilyOptions, chance: Random) -> Family:
        """A family of three generations of a size drawn between the options' bounds."""
        size = chance.randint(options.min_family_size, options.max_family_size)
        family = cls()

        def add(female: bool, parents: tuple[int, ...] = ()) -> int:
            used = {person.name for person in family.people}
            names = options.female_names if female else options.male_names
            name = chance.choice([each for each in names if each not in used])
            family.people.append(Person(name, female, parents))
            return len(family.people) - 1

        def marry(husband: int, wife: int) -> tuple[int, int]:
            family.spouse |= {husband: wife, wife: husband}
            return husband, wife

        elders = marry(add(False), add(True))
        others = marry(add(False), add(True)) if size > _WITH_MATERNAL else ()
        father, couples = add(False, elders), []
        if size > _WITH_MOTHER:
            couples.append(marry(father, add(True, others)))
        if size > _WITH_UNCLE:
            couples.append(marry(add(False, elders), add(True)))
        if size > _WITH_AUNT:
            aunt = add(True, elders)
            couples.append(marry(aunt, add(False)))
        while len(family.people) < size:
            female = not chance.choice((True, False))
            names = options.female_names if female else options.male_names
            if {person.name for person in family.people} >= set(names):
                break
            # The name is drawn before the parents are.
            child = add(female)
            parents = chance.choice(couples)
            family.people[child] = Person(family.people[child].name, female, parents)
        return family

    def related_pair(self, chance: Random) -> tuple[str, str, str]:
        """Two names, and what the first is to the second; drawn until they are related."""
        while True:
            first, second = chance.sample(range(len(self.people)), 2)
            relation = self.relation(first, second)
            if relation:
                return self.people[first].name, self.people[second].name, relation

    def relation(self, first: int, second: int) -> str:
        """What the first is to the second, in one word; empty: nothing that has one."""
        one, other = self.people[first], self.people[second]

        def word(female: str, male: str, whose: Person = one) -> str:
            return female if whose.female else male

        if first in other.parents:
            return word("mother", "father")
        if second in one.parents:
            return word("daughter", "son")
        if self.spouse.get(first) == second:
            return word("wife", "husband")
        if one.parents and set(one.parents) == set(other.parents):
            return word("sister", "brother")
        if first in self._grandparents(other):
            return word("grandmother", "grandfather")
        if set(one.parents) & self._grandparents(other):
            return word("aunt", "uncle")
        # As upstream, the last two words go by the second person.
        if set(other.parents) & self._grandparents(one):
            return word("niece", "nephew", other)
        if first in self.spouse and second in self.people[self.spouse[first]].parents:
            return word("mother-in-law", "father-in-law", other)
        return ""

    def story(self) -> str:
        """Who is married to whom, and their children."""
        couples: set[tuple[int, int]] = set()
        for number in range(len(self.people)):
            if number in self.spouse and (self.spouse[number], number) not in couples:
                couples.add((number, self.spouse[number]))
        parts = []
        # In the order of the set, as upstream: hashes of whole numbers are the same everywhere.
        for first, second in couples:
            parts.append(f"{self.people[first].name} is married to {self.people[second].name}.")
            names = [person.name for person in self.people if first in person.parents]
            if len(names) == 1:
                parts.append(f"They have a child called {names[0]}.")
            elif names:
                parts.append(f"They have children called {', '.join(names[:-1])} and {names[-1]}.")
        return " ".join(parts)

    def _grandparents(self, person: Person) -> set[int]:
        return {each for parent in person.parents for each in self.people[parent].parents}
