"""A series of figures that never grows: the longer it gets, the coarser it is kept."""

from __future__ import annotations

import math

Point = tuple[float, float]

MAX_POINTS = 480


class Series:
    """Points (x, y) in the order in which they came, at most `limit` of them.

    When it is full, neighbours are merged into their mean, and from then on so many points make
    one: the shape stays, memory does not grow. `per_point` says how many. Values that are no
    finite number are left out.
    """

    def __init__(self, limit: int = MAX_POINTS) -> None:
        if limit < 2 or limit % 2:
            raise ValueError("a series keeps an even number of points, at least 2")
        self._limit = limit
        self._points: list[Point] = []
        self._waiting: list[Point] = []
        self.per_point = 1

    def add(self, x: float, y: float) -> None:
        if not (math.isfinite(x) and math.isfinite(y)):
            return
        self._waiting.append((x, y))
        if len(self._waiting) < self.per_point:
            return
        self._points.append(_mean(self._waiting))
        self._waiting.clear()
        if len(self._points) == self._limit:
            pairs = zip(self._points[::2], self._points[1::2], strict=True)
            self._points = [_mean(pair) for pair in pairs]
            self.per_point *= 2

    def points(self) -> tuple[Point, ...]:
        """What is kept, the newest point from as many values as there are yet."""
        newest = (_mean(self._waiting),) if self._waiting else ()
        return (*self._points, *newest)


def _mean(points: list[Point] | tuple[Point, Point]) -> Point:
    count = len(points)
    return math.fsum(x for x, _ in points) / count, math.fsum(y for _, y in points) / count
