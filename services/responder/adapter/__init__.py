"""Teaches the embedding model a language it does not speak, and serves what was learnt.

In order: `pairs` → `lexicon` → `vocabulary` → `distill` → `pack`; `routing` says which texts go where.
"""
