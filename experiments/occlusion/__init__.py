"""StillebenDR: objects that the estimate hides find their depth."""
