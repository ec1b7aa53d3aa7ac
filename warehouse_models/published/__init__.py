"""What is published: the manifest, and the copies that a serving host keeps of it."""
