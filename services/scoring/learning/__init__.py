"""From leads won and lost to a model to publish. Runs in a process of its own; serving imports none of it."""
