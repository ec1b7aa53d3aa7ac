"""Commands that give answers, and say who gets them."""
