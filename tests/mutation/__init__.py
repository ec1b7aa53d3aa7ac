"""Mutants: the rules of METRICS turned round one by one, to see that the tests notice (`python -m tests.mutation`)."""
