"""Planning decides what is recorded of reviews and of the social workers who answer for a child."""
