"""Who may receive what: the roster, the rules, the decision and its replay. Pure: no I/O, clock or randomness."""
