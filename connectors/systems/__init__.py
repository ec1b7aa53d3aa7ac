"""What is known of each vendor: a folder each."""
