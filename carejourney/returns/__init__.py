"""Reading SSDA903 returns and school enrolments, and handing them to the services that own their columns."""
