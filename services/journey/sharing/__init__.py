"""What of a child's record is shown to whom, who looked, and how information flows between agencies."""
