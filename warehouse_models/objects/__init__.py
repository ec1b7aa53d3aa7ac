"""What can be landed? One declaration of each canonical object: contract, tables, texts, help and docs follow."""
