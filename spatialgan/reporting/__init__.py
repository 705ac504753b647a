"""What people read: tables and figures, made from the JSON, CSV and PNG files of the runs. No torch here."""
