namespace keyfold {}
