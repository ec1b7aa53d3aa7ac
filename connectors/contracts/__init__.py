"""What must a row be? Objects, fields, times, maps, and the words of a refusal."""
