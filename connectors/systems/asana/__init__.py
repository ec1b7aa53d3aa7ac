"""Asana: projects and tasks."""
