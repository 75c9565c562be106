"""What drafted replies give back: counted when a person decides, told in groups."""
