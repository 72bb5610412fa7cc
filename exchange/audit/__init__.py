"""The auditor's side: bundles of both logs and their verification (``docs/spec/audit.md``). Import the modules."""
