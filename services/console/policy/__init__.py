"""What a house decides of its leads, as people read and edit it: words, differences, a form."""
