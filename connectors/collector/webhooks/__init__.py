"""Deliveries of vendors: who signed them, and which records they carry or name."""
