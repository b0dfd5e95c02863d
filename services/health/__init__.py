"""Health decides what is recorded of assessments and of the yearly health outcomes."""
