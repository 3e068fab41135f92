"""What a notebook needs: parameters, glue, the session; and how outputs compare."""
