"""Storage: the only room that imports SQLAlchemy. Tables are projections of the logs; docs/spec/logs.md.

Import the modules, not this package.
"""
