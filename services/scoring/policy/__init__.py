"""What a house decides of its leads: grades, rules, next actions, deadlines; one versioned document."""
