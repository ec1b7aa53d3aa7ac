"""Commands that bring data in, and say whose it is."""
