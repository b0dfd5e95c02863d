from carejourney.migrations import run

run()
