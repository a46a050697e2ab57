"""Where SCons meets the engine: the only package that imports SCons."""
