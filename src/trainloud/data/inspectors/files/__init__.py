"""The files themselves: can they be read, are they what their names say, are they alike?"""
