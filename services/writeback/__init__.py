"""Carries scores and approved replies to where the company works; tells what became of each reply."""
