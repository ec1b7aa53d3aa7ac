"""Gold to published: who moves, who is held, what is kept."""
