"""What an alert says, beyond its bytes: the safe subset of Markdown, and STIX bundles. Pure; both stacks use it."""
