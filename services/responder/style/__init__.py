"""How the house's replies sound: one versioned document that people change without a release."""
