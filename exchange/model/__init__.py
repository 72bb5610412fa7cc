"""Values that cross a boundary: identifiers, labels, statements, alerts, entries. Pure: no I/O, clock or randomness."""
