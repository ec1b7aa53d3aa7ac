"""How bytes leave a source and land in bronze: the file drop, git histories, the sandbox world."""
