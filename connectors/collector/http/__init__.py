"""The tracking protocol over HTTP: what a request may be, and who may send it."""
