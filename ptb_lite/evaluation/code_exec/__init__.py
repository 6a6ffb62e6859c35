"""Code that is not trusted, and what watches it: programs of the standard library only.

Two processes run a test. The candidate's process holds the code under test; it gets arguments and
gives back plain data. The tester's process holds the tests; it never holds an object that the
candidate made, so nothing that equals everything can reach an assertion, and a candidate that ends
early leaves its tests without an answer.
"""
