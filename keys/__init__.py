"""Everything that touches key material: encoding, signatures, notes, sealing, key files and the offline registrar.

No network, database, clock, event loop or logging. Imports nothing else of this project and re-exports nothing, so that
importing one module never loads another that can open or sign. README.md tells a reviewer where to start.
"""
