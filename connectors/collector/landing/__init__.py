"""Journals into bronze, each event once."""
