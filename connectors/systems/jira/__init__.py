"""Jira: issues and their history."""
