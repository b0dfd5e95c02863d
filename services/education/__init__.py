"""Education decides which school a child attends, and shows the virtual school who is on its roll."""
