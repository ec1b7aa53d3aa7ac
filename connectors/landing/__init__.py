"""How do rows reach bronze once? Look-up, quarantine, commit, the book of landings, replay."""
