"""What is asked, what comes back and what a family is: frozen data that imports nothing heavy."""
